package dev.smalldoge.notebook.kernel;

import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.SourceCodeAnalysis.CompletionInfo;

/**
 * The statement of a cell that the cursor is in.
 *
 * @param before the cell's complete statements before it
 * @param text the statement, up to the cursor
 */
record Statement(String before, String text) {

  /** The last statement of {@code code}, which ends at the cursor. */
  static Statement last(SourceCodeAnalysis analysis, String code) {
    String rest = code;
    while (true) {
      String remaining = rest.stripLeading();
      CompletionInfo info = analysis.analyzeCompletion(remaining);
      String next = info.remaining();
      if (!info.completeness().isComplete()
          || next == null
          || next.isBlank()
          || next.length() >= remaining.length()) {
        return new Statement(code.substring(0, code.length() - remaining.length()), remaining);
      }
      rest = next;
    }
  }

  /** The cell up to the cursor as one block, where its own earlier variables are known. */
  String asBlock() {
    return "{" + before + text;
  }
}
