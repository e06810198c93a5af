package dev.smalldoge.data;

import dev.smalldoge.config.DogeException;
import java.io.Serializable;

/**
 * How the rows of several corpora are read; on a cluster it travels to every machine.
 *
 * @param form {@code text}, {@code conversations} or {@code reference}
 * @param maxLength tokens of a row in the reference's form
 * @param textColumn where the text is
 * @param skippingBadRows whether rows that cannot be used are left out
 */
public record CorpusForm(String form, int maxLength, String textColumn, boolean skippingBadRows)
    implements Serializable {
  /** Plain text in the column {@code text}; bad rows are refused. */
  public static CorpusForm text() {
    return new CorpusForm("text", 2_048, "text", false);
  }

  /**
   * The corpus in this form.
   *
   * @throws DogeException if there is no such form
   */
  public Corpus of(Corpus corpus) {
    Corpus named = corpus.withTextColumn(textColumn);
    Corpus checked = skippingBadRows ? named.skippingBadRows() : named;
    return switch (form) {
      case "text" -> checked;
      case "conversations" -> checked.asConversations();
      case "reference" -> checked.inReferenceForm(maxLength);
      default ->
          throw new DogeException(
              "form \"" + form + "\" is not known; use text, conversations or reference");
    };
  }
}
