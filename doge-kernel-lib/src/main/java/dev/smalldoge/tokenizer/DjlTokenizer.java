package dev.smalldoge.tokenizer;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import dev.smalldoge.config.DogeException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Map;

/**
 * Hugging Face's own tokenizer through DJL, for every tokenizer.json that our encoder does not
 * know. Goes by DJL's raw public calls, at half the cost of its {@code Encoding}. Threads may share
 * it.
 */
final class DjlTokenizer {
  private final TokenizerFiles files;
  private HuggingFaceTokenizer tokenizer; // opened when it is first needed

  DjlTokenizer(TokenizerFiles files) {
    this.files = files;
  }

  /**
   * Opens it, unless it is.
   *
   * @throws DogeException if the library does not understand the file
   */
  synchronized HuggingFaceTokenizer open() {
    if (tokenizer != null) {
      return tokenizer;
    }
    try {
      tokenizer =
          HuggingFaceTokenizer.newInstance(
              new ByteArrayInputStream(files.bytes()),
              Map.of("truncation", "false", "padding", "false", "addSpecialTokens", "false"));
      return tokenizer;
    } catch (IOException | RuntimeException e) {
      throw new DogeException(
          files.name() + " is not understood (" + e.getMessage() + "); fetch it again", e);
    }
  }

  int[] encode(String text) {
    long encoding = TokenizersLibrary.LIB.encode(open().getHandle(), text, false);
    try {
      long[] ids = TokenizersLibrary.LIB.getTokenIds(encoding);
      int[] result = new int[ids.length];
      for (int i = 0; i < ids.length; i++) {
        result[i] = (int) ids[i];
      }
      return result;
    } finally {
      TokenizersLibrary.LIB.deleteEncoding(encoding);
    }
  }

  /** Where in {@code text}, in characters, its tokens begin. */
  int[] starts(String text) {
    long encoding = TokenizersLibrary.LIB.encode(open().getHandle(), text, false);
    try {
      CharSpan[] spans = TokenizersLibrary.LIB.getTokenCharSpans(encoding);
      int[] starts = new int[spans.length];
      for (int i = 0; i < spans.length; i++) { // the library counts code points
        starts[i] = spans[i] == null ? 0 : text.offsetByCodePoints(0, spans[i].getStart());
      }
      return starts;
    } finally {
      TokenizersLibrary.LIB.deleteEncoding(encoding);
    }
  }

  String decode(int[] ids, boolean skipSpecialTokens) {
    long[] wide = new long[ids.length];
    for (int i = 0; i < ids.length; i++) {
      wide[i] = ids[i];
    }
    return open().decode(wide, skipSpecialTokens);
  }
}
