package dev.smalldoge.data;

import dev.smalldoge.tokenizer.Tokenizer;

/** What rows become as tokens. */
@FunctionalInterface
interface RowForm {
  /** The encoder of this form, for a corpus whose text is in {@code textColumn}. */
  RowEncoder encoder(Tokenizer tokenizer, String textColumn);
}
