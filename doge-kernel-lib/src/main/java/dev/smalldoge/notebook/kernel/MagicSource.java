package dev.smalldoge.notebook.kernel;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Finds the magics in a cell's text: {@code %name …} on a line, {@code %%name …} on the first. */
final class MagicSource {
  private static final Pattern CELL =
      Pattern.compile("\\A\\s*%%([A-Za-z]\\w*)([^\\n]*)(?:\\n|\\z)");
  private static final Pattern LINE = Pattern.compile("%([A-Za-z]\\w*)([^\\n]*)");
  private static final String CALL = KernelFunctions.class.getName() + ".lineMagic";

  private MagicSource() {}

  /**
   * A cell that is one magic.
   *
   * @param name the magic
   * @param arguments the rest of its line
   * @param body the lines below
   */
  record CellMagic(String name, String arguments, String body) {
    /** The body with an empty first line, so that line numbers are those of the cell. */
    String numberedBody() {
      return "\n" + body;
    }
  }

  /** The magic of a whole cell, or null. */
  static CellMagic cellMagic(String source) {
    Matcher matcher = CELL.matcher(source);
    return matcher.lookingAt()
        ? new CellMagic(matcher.group(1), matcher.group(2).strip(), source.substring(matcher.end()))
        : null;
  }

  /**
   * The cell with its line magics as method calls, on the same lines.
   *
   * <p>A magic stands where a statement may begin, or after {@code =}; never inside an expression,
   * a string or a comment.
   */
  static String toJava(String source) {
    if (source.indexOf('%') < 0) {
      return source;
    }
    StringBuilder java = new StringBuilder();
    char before = ';'; // the last character that is neither space nor comment
    int at = 0;
    while (at < source.length()) {
      int end = skip(source, at);
      if (end > at) { // a literal or a comment
        boolean isComment = source.startsWith("//", at) || source.startsWith("/*", at);
        before = isComment ? before : '"';
        java.append(source, at, end);
        at = end;
        continue;
      }
      char c = source.charAt(at);
      Matcher magic = LINE.matcher(source).region(at, source.length());
      boolean canBegin = ";{}".indexOf(before) >= 0 && isLineStart(source, at);
      boolean canAssign = before == '=';
      if (c == '%' && (canBegin || canAssign) && magic.lookingAt()) {
        java.append(call(magic.group(1), magic.group(2), canBegin));
        before = ';';
        at = magic.end();
        continue;
      }
      if (!Character.isWhitespace(c)) {
        before = c;
      }
      java.append(c);
      at++;
    }
    return java.toString();
  }

  /** Whether {@code source} ends inside a string, a character or a comment. */
  static boolean isInLiteralOrComment(String source) {
    int at = 0;
    while (at < source.length()) {
      int end = skip(source, at);
      if (end == source.length()) {
        return end > at && skip(source + " ", at) > end; // a closed one does not grow
      }
      at = end > at ? end : at + 1;
    }
    return false;
  }

  private static boolean isLineStart(String source, int at) {
    return source.substring(source.lastIndexOf('\n', at - 1) + 1, at).isBlank();
  }

  /** The end of the literal or comment that begins at {@code at}, or {@code at} if none does. */
  private static int skip(String source, int at) {
    if (source.startsWith("//", at)) {
      return end(source, source.indexOf('\n', at), 0);
    }
    if (source.startsWith("/*", at)) {
      return end(source, source.indexOf("*/", at + 2), 2);
    }
    String quote = source.startsWith("\"\"\"", at) ? "\"\"\"" : source.substring(at, at + 1);
    if (!quote.startsWith("\"") && !quote.equals("'")) {
      return at;
    }
    int i = at + quote.length();
    while (i < source.length() && !source.startsWith(quote, i)) {
      if (source.charAt(i) == '\n' && quote.length() == 1) {
        return i; // an unclosed literal: the compiler will tell
      }
      i += source.charAt(i) == '\\' ? 2 : 1;
    }
    return Math.min(source.length(), i + quote.length());
  }

  private static int end(String source, int found, int length) {
    return found < 0 ? source.length() : found + length;
  }

  /** A magic alone shows no result but that of {@code %time}, whose argument is Java. */
  private static String call(String name, String rest, boolean alone) {
    boolean isTime = name.equals("time");
    List<String> arguments = isTime ? List.of(rest.strip()) : split(rest);
    List<String> literals = new ArrayList<>();
    arguments.forEach(argument -> literals.add(literal(argument)));
    return CALL
        + "("
        + literal(name)
        + ", java.util.List.of("
        + String.join(", ", literals)
        + "));"
        + (alone && !isTime ? "{}" : "");
  }

  /** Words of {@code text}; double quotes keep spaces, a backslash keeps a quote. */
  static List<String> split(String text) {
    Matcher matcher = Pattern.compile("\"((?:[^\"\\\\]|\\\\.)*)\"|(\\S+)").matcher(text);
    List<String> words = new ArrayList<>();
    while (matcher.find()) {
      words.add(
          matcher.group(1) != null
              ? matcher.group(1).replace("\\\"", "\"")
              : matcher.group(2).replaceAll(";$", ""));
    }
    return words;
  }

  private static String literal(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }
}
