package dev.smalldoge.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Questions and answers of the Python FAQ, from the reST sources that its documentation ships. */
final class PythonFaq {
  private static final Pattern UNDERLINE = Pattern.compile("[-=~^]{4,}");
  private static final Pattern DIRECTIVE =
      Pattern.compile("\\.\\. (only|contents|index|_|XXX|sectionauthor).*");

  /** One entry. */
  record Entry(String id, String question, String answer) {}

  private PythonFaq() {}

  /** The entries of {@code folder}, in the order of the files. */
  static List<Entry> in(Path folder) throws IOException {
    List<Entry> entries = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".rst.txt")).sorted().toList()) {
        addEntries(file, entries);
      }
    }
    return entries;
  }

  private static void addEntries(Path file, List<Entry> entries) throws IOException {
    String page = file.getFileName().toString().replace(".rst.txt", "");
    List<String> lines = Files.readAllLines(file);
    List<Integer> headings = new ArrayList<>();
    for (int i = 0; i + 1 < lines.size(); i++) {
      if (!lines.get(i).isBlank()
          && !lines.get(i).startsWith(" ")
          && UNDERLINE.matcher(lines.get(i + 1)).matches()) {
        headings.add(i);
      }
    }
    for (int h = 0; h < headings.size(); h++) {
      int from = headings.get(h);
      int to = h + 1 < headings.size() ? headings.get(h + 1) : lines.size();
      String question = inline(lines.get(from).strip());
      String answer = plain(lines.subList(from + 2, to));
      if (question.endsWith("?") && answer.length() > 20) {
        entries.add(new Entry(page + "-" + h, question, answer));
      }
    }
  }

  /** The text without what only a page needs: directives, roles, link targets. */
  private static String plain(List<String> lines) {
    StringBuilder text = new StringBuilder();
    boolean inDirective = false;
    for (String line : lines) {
      if (inDirective && (line.isBlank() || line.startsWith(" "))) {
        continue;
      }
      inDirective = DIRECTIVE.matcher(line).matches() || line.equals("..");
      if (inDirective
          || line.matches("\\s*\\.\\. (code-block|highlight|sourcecode).*")
          || UNDERLINE.matcher(line).matches()) {
        continue;
      }
      text.append(line.stripTrailing()).append("\n");
    }
    return inline(text.toString()).replaceAll("\n{3,}", "\n\n").strip();
  }

  private static String inline(String text) {
    return text.replaceAll("`([^`<]+?)\\s*<[^`]*>`__?", "$1")
        .replaceAll(":[a-z:]+:`([^`<]+?)\\s*<[^`]*>`", "$1")
        .replaceAll(":[a-z:]+:`[~!]?([^`]*)`", "`$1`")
        .replaceAll("``([^`]*)``", "`$1`")
        .replaceAll("(?m)^ *\\.\\. (note|warning|seealso|tip)::\\s*", "")
        .replaceAll("(?m)::$", ":");
  }
}
