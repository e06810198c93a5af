package dev.smalldoge.notebook.kernel;

import java.util.LinkedHashSet;
import java.util.Set;
import jdk.jshell.JShell;
import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.SourceCodeAnalysis.Documentation;

/** What Shift-Tab shows: signatures with parameter names, and the first sentence of the Javadoc. */
final class Inspection {
  private final JShell shell;
  private final Javadocs javadocs = new Javadocs();

  Inspection(JShell shell) {
    this.shell = shell;
  }

  /** The text for the place {@code at} (in code points) of {@code code}, or null for none. */
  String at(String code, int at) {
    int end = code.offsetByCodePoints(0, at);
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
