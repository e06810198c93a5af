package dev.smalldoge.notebook.kernel;

import dev.smalldoge.config.NearestWord;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jdk.jshell.Diag;
import jdk.jshell.JShell;
import jdk.jshell.SourceCodeAnalysis.Suggestion;

/**
 * What the compiler says, in a notebook's words: types without their packages, and for a name that
 * does not exist the one that was meant.
 *
 * @param text what is wrong, and what to type instead where that is known
 * @param start of the offending span, in the snippet
 * @param end of it
 */
record CompilerMessage(String text, int start, int end) {
  private static final Pattern SYMBOL =
      Pattern.compile("symbol:\\s+(variable|method|class) ([\\w$]+)(\\(.*\\))?");
  private static final Pattern OWNER =
      Pattern.compile(
          "location: (?:(?:class|interface|record|enum|@interface) |\\w+ \\w+ of type )([\\w.$]+)");
  private static final Pattern PACKAGE = Pattern.compile("package (\\w+)[\\w.]* does not exist");
  private static final Pattern CONSTANT = Pattern.compile("[A-Z][A-Z0-9_]+");
  private static final Pattern QUALIFIED = Pattern.compile("\\b(?:[a-z]\\w*\\.)+(?=[A-Z])");

  /** Rewrites {@code diag}, an error in the snippet {@code source}. */
  static CompilerMessage of(JShell shell, String source, Diag diag) {
    int start = (int) Math.max(0, Math.min(diag.getStartPosition(), source.length()));
    int end = (int) Math.max(start, Math.min(diag.getEndPosition(), source.length()));
    String message = diag.getMessage(Locale.ROOT).strip();
    Matcher symbol = SYMBOL.matcher(message);
    if (message.startsWith("cannot find symbol") && symbol.find()) {
      String name = symbol.group(2);
      int at = Math.max(start, source.lastIndexOf(name, end - name.length()));
      return new CompilerMessage(missing(shell, source.substring(0, at), symbol, message), at, end);
    }
    Matcher missing = PACKAGE.matcher(message);
    if (missing.matches() && !source.startsWith("import")) {
      String name = missing.group(1);
      String hint = hint(name, bare(shell, source.substring(0, start), name));
      return new CompilerMessage(
          "There is no class or variable " + name + " here" + hint, start, start + name.length());
    }
    return new CompilerMessage(QUALIFIED.matcher(message).replaceAll(""), start, end);
  }

  private static String missing(JShell shell, String before, Matcher symbol, String message) {
    String kind = symbol.group(1);
    String name = symbol.group(2);
    String call = symbol.group(3) == null ? "" : QUALIFIED.matcher(symbol.group(3)).replaceAll("");
    Matcher owner = OWNER.matcher(message);
    if (owner.find() && before.stripTrailing().endsWith(".")) {
      Set<String> members = names(shell, before);
      String hint = hint(name, members);
      return "%s has no %s %s%s%s"
          .formatted(
              Signature.simpleName(owner.group(1)),
              kind.equals("variable") ? "field" : kind,
              name,
              call,
              hint.isEmpty() ? "; it has " + constants(name, members) : hint);
    }
    String hint = hint(name, bare(shell, before, name));
    return "There is no %s %s%s here%s"
        .formatted(
            kind.equals("variable") && Character.isUpperCase(name.charAt(0)) ? "class" : kind,
            name,
            call,
            hint.isEmpty() ? "; run the cell that declares it, or mend the name" : hint);
  }

  /** Names that may stand after {@code before} and begin with the first letter of {@code name}. */
  private static Set<String> bare(JShell shell, String before, String name) {
    Set<String> names = names(shell, before + Character.toUpperCase(name.charAt(0)));
    names.addAll(names(shell, before + Character.toLowerCase(name.charAt(0))));
    return names;
  }

  /** The constants among {@code members} where one was wanted, else how to see the members. */
  private static String constants(String name, Set<String> members) {
    List<String> constants = members.stream().filter(m -> CONSTANT.matcher(m).matches()).toList();
    return CONSTANT.matcher(name).matches() && !constants.isEmpty()
        ? String.join(", ", constants)
        : "other members, which Tab lists after the point";
  }

  private static Set<String> names(JShell shell, String before) {
    Set<String> names = new LinkedHashSet<>();
    for (Suggestion suggestion :
        shell.sourceCodeAnalysis().completionSuggestions(before, before.length(), new int[1])) {
      names.add(suggestion.continuation().replaceFirst("\\($", "(…)"));
    }
    return names;
  }

  /** A third of the letters may differ, whatever their case. */
  private static String hint(String name, Set<String> names) {
    return names.stream()
        .filter(known -> distance(name, known) <= Math.max(1, name.length() / 3))
        .min((a, b) -> Integer.compare(distance(name, a), distance(name, b)))
        .map(best -> "; did you mean " + best + "?")
        .orElse("");
  }

  private static int distance(String a, String b) {
    String word = b.replaceFirst("\\W.*", "");
    return NearestWord.distance(a.toLowerCase(Locale.ROOT), word.toLowerCase(Locale.ROOT));
  }
}
