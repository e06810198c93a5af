package dev.smalldoge.notebook.kernel;

import io.github.spencerpark.jupyter.messages.request.CompleteRequest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import jdk.jshell.JShell;
import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.SourceCodeAnalysis.Documentation;
import jdk.jshell.SourceCodeAnalysis.Suggestion;

/** What Tab offers: names that fit at the cursor, methods with the names of their parameters. */
final class Completion {
  private static final int MAX_SIGNATURES = 12; // each costs JShell about 10 ms

  private final JShell shell;
  private final Set<String> magics;

  Completion(JShell shell, Set<String> magics) {
    this.shell = shell;
    this.magics = magics;
  }

  /** The reply's content. */
  Map<String, ?> answer(CompleteRequest request) {
    String code = request.getCode();
    int at = code.offsetByCodePoints(0, request.getCursorPos());
    String before = code.substring(0, at);
    String line = before.substring(before.lastIndexOf('\n') + 1).stripLeading();
    if (line.startsWith("%") && line.indexOf(' ') < 0) {
      List<String> matches =
          new TreeSet<>(magics).stream().filter(name -> name.startsWith(line)).toList();
      return reply(code, at - line.length(), at, matches, List.of());
    }
    if (MagicSource.isInLiteralOrComment(before)) {
      return reply(code, at, at, List.of(), List.of());
    }
    SourceCodeAnalysis analysis = shell.sourceCodeAnalysis();
    Statement statement = Statement.last(analysis, before);
    int[] anchor = new int[1];
    List<Suggestion> found =
        new ArrayList<>(
            analysis.completionSuggestions(statement.text(), statement.text().length(), anchor));
    int start = statement.before().length() + anchor[0];
    if (!statement.before().isBlank()) {
      String block = statement.asBlock();
      int[] blockAnchor = new int[1];
      List<Suggestion> local = analysis.completionSuggestions(block, block.length(), blockAnchor);
      if (found.isEmpty() || blockAnchor[0] - 1 == start) {
        start = local.isEmpty() ? start : blockAnchor[0] - 1;
        found.addAll(local);
      }
    }
    found.sort(Comparator.comparing(Suggestion::matchesType).reversed());
    Set<String> matches = new LinkedHashSet<>();
    found.forEach(suggestion -> matches.add(suggestion.continuation()));
    return reply(code, start, at, List.copyOf(matches), types(statement, start, matches));
  }

  private List<Map<String, ?>> types(Statement statement, int start, Set<String> matches) {
    List<Map<String, ?>> types = new ArrayList<>();
    long methods = matches.stream().filter(match -> match.endsWith("(")).count();
    String block = statement.asBlock().substring(0, start + 1);
    for (String match : matches) {
      Map<String, Object> type = new LinkedHashMap<>();
      type.put("text", match);
      type.put("type", kind(match));
      if (methods <= MAX_SIGNATURES && match.endsWith("(")) {
        String call = block + match;
        List<String> signatures =
            shell.sourceCodeAnalysis().documentation(call, call.length(), false).stream()
                .map(Documentation::signature)
                .map(Signature::clean)
                .distinct()
                .limit(4)
                .toList();
        type.put("signature", String.join("\n", signatures));
      }
      types.add(type);
    }
    return types;
  }

  private static String kind(String match) {
    if (match.endsWith("(") || match.endsWith(")")) {
      return "function";
    }
    return Character.isUpperCase(match.charAt(0)) ? "class" : "instance";
  }

  private static Map<String, ?> reply(
      String code, int start, int end, List<String> matches, List<Map<String, ?>> types) {
    int from = code.codePointCount(0, start);
    int to = code.codePointCount(0, end);
    types.forEach(type -> place(type, from, to));
    return Map.of(
        "status", "ok",
        "matches", matches,
        "cursor_start", from,
        "cursor_end", to,
        "metadata", types.isEmpty() ? Map.of() : Map.of("_jupyter_types_experimental", types));
  }

  @SuppressWarnings("unchecked") // made here, as maps of objects
  private static void place(Map<String, ?> type, int from, int to) {
    ((Map<String, Object>) type).put("start", from);
    ((Map<String, Object>) type).put("end", to);
  }
}
