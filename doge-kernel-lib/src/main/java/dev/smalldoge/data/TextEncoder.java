package dev.smalldoge.data;

import dev.smalldoge.tokenizer.Tokenizer;
import java.util.Set;

/** Plain text: BOS, the text's ids, EOS. */
final class TextEncoder implements RowEncoder {
  private final TextIds texts;
  private final String column;

  TextEncoder(Tokenizer tokenizer, String column) {
    this.texts = new TextIds(tokenizer);
    this.column = column;
  }

  @Override
  public Set<String> columns() {
    return Set.of(column);
  }

  @Override
  public EncodedDocument encode(Row row) throws BadRow {
    return texts.whole(row.text(column));
  }
}
