package dev.smalldoge.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The documented functions and methods in a folder of Python modules, by their indentation: those
 * with the signature on one line, a docstring and a short body.
 */
final class PythonFunctions {
  private static final int LONGEST_BODY = 1_200;
  private static final int SHORTEST_BODY = 30;
  private static final int LONGEST_DOCSTRING = 600;
  private static final int SHORTEST_DOCSTRING = 40;
  private static final Pattern DOCUMENTED =
      Pattern.compile(
          "(?m)^( *)(def ([a-zA-Z]\\w*)\\([^\\n"
              + "]*\\)[^\\n"
              + "]*:)\\n"
              + "+ +[rRuU]?\"\"\"((?:(?!\"\"\").)*)\"\"\"[ \\t]*\\n",
          Pattern.DOTALL);

  /**
   * One function.
   *
   * @param name {@code module.function}
   * @param signature the line from {@code def} to the colon
   * @param docstring its text, the indentation removed
   * @param body what follows the docstring, indented by four spaces
   */
  record Function(String name, String signature, String docstring, String body) {
    /** The function without its docstring. */
    String source() {
      return signature + "\n" + body;
    }

    /** The first paragraph of the docstring. */
    String summary() {
      return docstring.split("\n\\s*\n", 2)[0].replaceAll("\\s+", " ").strip();
    }
  }

  private PythonFunctions() {}

  /** Every function under {@code folder}, in the order of the files; equal docstrings once. */
  static List<Function> in(Path folder) throws IOException {
    List<Function> functions = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".py")).sorted().toList()) {
        for (Function function : inFile(folder, file)) {
          if (seen.add(function.docstring.toLowerCase(Locale.ROOT))) {
            functions.add(function);
          }
        }
      }
    }
    return functions;
  }

  private static List<Function> inFile(Path folder, Path file) throws IOException {
    String module =
        folder.relativize(file).toString().replaceFirst("(/__init__)?\\.py$", "").replace('/', '.');
    String text = Files.readString(file);
    List<Function> functions = new ArrayList<>();
    Matcher matcher = DOCUMENTED.matcher(text);
    while (matcher.find()) {
      int indent = matcher.group(1).length();
      String docstring = dedent(matcher.group(4));
      String body = body(text.substring(matcher.end()), indent);
      if (fits(docstring, SHORTEST_DOCSTRING, LONGEST_DOCSTRING)
          && fits(body, SHORTEST_BODY, LONGEST_BODY)) {
        String name = module + "." + matcher.group(3);
        functions.add(new Function(name, matcher.group(2), docstring, body));
      }
    }
    return functions;
  }

  private static boolean fits(String text, int shortest, int longest) {
    return text.length() >= shortest && text.length() <= longest;
  }

  /** The lines that are indented deeper than the function, moved to four spaces. */
  private static String body(String text, int indent) {
    StringBuilder body = new StringBuilder();
    for (String line : text.split("\n", -1)) {
      int depth = line.length() - line.stripLeading().length();
      if (!line.isBlank() && depth <= indent) {
        break;
      }
      body.append(line.isBlank() ? "" : line.substring(indent).stripTrailing()).append("\n");
    }
    return body.toString().stripTrailing();
  }

  /** Without the indentation that all lines after the first share. */
  private static String dedent(String text) {
    int shared =
        text.lines()
            .skip(1)
            .filter(line -> !line.isBlank())
            .mapToInt(line -> line.length() - line.stripLeading().length())
            .min()
            .orElse(0);
    StringBuilder dedented = new StringBuilder();
    String[] lines = text.split("\n", -1);
    for (int i = 0; i < lines.length; i++) {
      String line = i == 0 || lines[i].isBlank() ? lines[i].strip() : lines[i].substring(shared);
      dedented.append(line.stripTrailing()).append("\n");
    }
    return dedented.toString().strip();
  }
}
