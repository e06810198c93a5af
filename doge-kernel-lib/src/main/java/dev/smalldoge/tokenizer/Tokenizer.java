package dev.smalldoge.tokenizer;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import dev.smalldoge.config.DogeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/** A Hugging Face tokenizer, through DJL. */
public final class Tokenizer {
  private final HuggingFaceTokenizer tokenizer;

  private Tokenizer(HuggingFaceTokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** Opens a folder with a {@code tokenizer.json}, or the file itself. */
  public static Tokenizer load(Path folderOrFile) {
    Path file =
        Files.isDirectory(folderOrFile) ? folderOrFile.resolve("tokenizer.json") : folderOrFile;
    try {
      return new Tokenizer(
          HuggingFaceTokenizer.newInstance(
              file,
              Map.of("truncation", "false", "padding", "false", "addSpecialTokens", "false")));
    } catch (IOException e) {
      throw new DogeException("Cannot read " + file + "; give a folder with tokenizer.json", e);
    }
  }

  /** Ids of plain text. */
  public int[] encode(String text) {
    return Arrays.stream(tokenizer.encode(text).getIds()).mapToInt(Math::toIntExact).toArray();
  }

  /** Text of ids. */
  public String decode(int... ids) {
    return tokenizer.decode(Arrays.stream(ids).asLongStream().toArray());
  }

  /** Number of ids; not told by DJL. */
  public int vocabSize() {
    return 1;
  }

  /** Id that opens a sequence. */
  public int bosTokenId() {
    return 0;
  }

  /** Id that ends a document. */
  public int eosTokenId() {
    return 1;
  }
}
