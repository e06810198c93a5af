package dev.smalldoge.data;

import dev.smalldoge.tokenizer.Tokenizer;
import java.nio.file.Path;

/**
 * A token file of some of a corpus's files, for {@link Mixture#concatenate}.
 *
 * @param documents how many it holds; where there are none there is no file
 * @param badRows the rows that were left out
 */
public record TokenPart(long documents, BadRows badRows) {
  /**
   * Tokenizes on the caller's own thread.
   *
   * @param most how many documents are wanted at most; rows behind them are not judged
   * @throws dev.smalldoge.config.DogeException if a row or a file cannot be used
   */
  public static TokenPart of(Corpus corpus, Tokenizer tokenizer, Path file, long most) {
    RowEncoder encoder = corpus.encoder(tokenizer);
    BadRows badRows = corpus.badRows();
    try (TokenFileWriter writer = new TokenFileWriter(file, tokenizer, encoder.masks());
        CorpusRows rows = corpus.rows(encoder.columns())) {
      writer.source(corpus.name());
      long written = new Encoding(encoder, writer, badRows, 1).run(rows, most);
      if (written > 0) {
        writer.finish();
      }
      return new TokenPart(written, badRows);
    }
  }
}
