package dev.smalldoge.notebook.kernel;

import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jdk.jshell.JShell;
import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.SourceCodeAnalysis.Documentation;

/** What Shift-Tab shows: signatures with parameter names, and the first sentence of the Javadoc. */
final class Inspection {
  private static final Pattern MAGIC = Pattern.compile("^\\s*(%%?\\w+)");
  private static final Pattern IMPORT = Pattern.compile("^\\s*import\\s+(static\\s+)?");

  private final JShell shell;
  private final Map<String, String> magics;
  private final Javadocs javadocs = new Javadocs();

  /**
   * Inspects what {@code shell} knows.
   *
   * @param magics by name as typed, and what each does
   */
  Inspection(JShell shell, Map<String, String> magics) {
    this.shell = shell;
    this.magics = magics;
  }

  /** The text for the place {@code at} (in code points) of {@code code}, or null for none. */
  String at(String code, int at) {
    int end = code.offsetByCodePoints(0, at);
    int lineStart = code.lastIndexOf('\n', end - 1) + 1;
    Matcher magic = MAGIC.matcher(code).region(lineStart, code.length());
    if (magic.lookingAt() && end <= magic.end()) {
      String help = magics.get(magic.group(1));
      return help == null ? null : magic.group(1) + " " + help;
    }
    while (end < code.length() && Character.isJavaIdentifierPart(code.charAt(end))) {
      end++;
    }
    if (end < code.length()
        && code.charAt(end) == '('
        && end > 0
        && Character.isJavaIdentifierPart(code.charAt(end - 1))) {
      end++; // on a method's name: ask for the method
    }
    SourceCodeAnalysis analysis = shell.sourceCodeAnalysis();
    Matcher imported = IMPORT.matcher(code).region(lineStart, end);
    if (imported.lookingAt()) {
      String name = code.substring(imported.end(), end);
      String member = text(analysis, name + "(");
      return member == null ? text(analysis, name) : member;
    }
    Statement statement = Statement.last(analysis, code.substring(0, end));
    String found = text(analysis, statement.text());
    return found == null && !statement.before().isBlank()
        ? text(analysis, statement.asBlock())
        : found;
  }

  private String text(SourceCodeAnalysis analysis, String code) {
    Set<String> texts = new LinkedHashSet<>();
    for (Documentation documentation : analysis.documentation(code, code.length(), true)) {
      String signature = Signature.clean(documentation.signature());
      String sentence = javadocs.firstSentence(Signature.parse(signature));
      if (sentence == null && documentation.javadoc() != null) {
        sentence = Javadocs.plain(Javadocs.firstSentenceOf(documentation.javadoc()));
      }
      texts.add(sentence == null ? signature : signature + "\n" + sentence);
    }
    return texts.isEmpty() ? null : String.join("\n\n", texts);
  }
}
