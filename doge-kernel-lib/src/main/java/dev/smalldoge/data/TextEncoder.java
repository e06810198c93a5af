package dev.smalldoge.data;

import dev.smalldoge.tokenizer.Tokenizer;
import java.util.Set;

/** Plain text: BOS, the text's ids, EOS. */
final class TextEncoder implements RowEncoder {
  private final Tokenizer tokenizer;
  private final String column;
  private final int bos;
  private final int eos;

  TextEncoder(Tokenizer tokenizer, String column) {
    this.tokenizer = tokenizer;
    this.column = column;
    this.bos = tokenizer.bosTokenId();
    this.eos = tokenizer.eosTokenId();
  }

  @Override
  public Set<String> columns() {
    return Set.of(column);
  }

  @Override
  public EncodedDocument encode(Row row) throws BadRow {
    String text = row.text(column);
    int[] ids = tokenizer.encode(text);
    int[] framed = new int[ids.length + 2];
    framed[0] = bos;
    System.arraycopy(ids, 0, framed, 1, ids.length);
    framed[framed.length - 1] = eos;
    return new EncodedDocument(framed, null, Utf8.length(text));
  }
}
