package dev.smalldoge.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.google.gson.Gson;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The table against the regular expression library inside Hugging Face tokenizers: a pre-tokenizer
 * that removes what a class matches leaves every code point that is not in it.
 */
class UnicodeClassesTest {
  private static final int CODE_POINTS = 0x110000;
  private static final int PAGE = 256;

  private enum CharacterClass {
    LETTER("\\p{L}"),
    NUMBER("\\p{N}"),
    SPACE("\\s");

    private final String pattern;

    CharacterClass(String pattern) {
      this.pattern = pattern;
    }

    boolean has(int codePoint) {
      int of = UnicodeClasses.of(codePoint);
      return switch (this) {
        case LETTER -> of == UnicodeClasses.LETTER;
        case NUMBER -> of == UnicodeClasses.NUMBER;
        case SPACE -> of == UnicodeClasses.SPACE || of == UnicodeClasses.NEWLINE;
      };
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyCodePointIsInTheSameClass(CharacterClass which) throws IOException {
    BitSet kept = new BitSet(CODE_POINTS);
    try (HuggingFaceTokenizer removing = removing(which.pattern)) {
      for (int page = 0; page < CODE_POINTS; page += PAGE) {
        StringBuilder text = new StringBuilder();
        for (int c = page; c < page + PAGE; c++) {
          if (isScalar(c)) {
            text.appendCodePoint(c);
          }
        }
        removing.decode(removing.encode(text.toString()).getIds()).codePoints().forEach(kept::set);
      }
    }
    BitSet different = new BitSet(CODE_POINTS);
    for (int c = 0; c < CODE_POINTS; c++) {
      different.set(c, isScalar(c) && kept.get(c) == which.has(c));
    }
    assertThat(different).isEqualTo(new BitSet());
  }

  private static boolean isScalar(int codePoint) {
    return codePoint < Character.MIN_SURROGATE || codePoint > Character.MAX_SURROGATE;
  }

  /** A tokenizer of bytes before which everything that {@code pattern} matches is removed. */
  private static HuggingFaceTokenizer removing(String pattern) throws IOException {
    Map<String, Object> vocabulary = new LinkedHashMap<>();
    int next = PAGE;
    for (int b = 0; b < PAGE; b++) {
      boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      vocabulary.put(String.valueOf((char) (printable ? b : next++)), b);
    }
    Map<String, Object> bytes =
        Map.of(
            "type", "ByteLevel",
            "add_prefix_space", false,
            "trim_offsets", true,
            "use_regex", false);
    Map<String, Object> split =
        Map.of(
            "type",
            "Split",
            "pattern",
            Map.of("Regex", pattern),
            "behavior",
            "Removed",
            "invert",
            false);
    Map<String, Object> tokenizer =
        Map.of(
            "version",
            "1.0",
            "added_tokens",
            List.of(),
            "pre_tokenizer",
            Map.of("type", "Sequence", "pretokenizers", List.of(split, bytes)),
            "decoder",
            bytes,
            "model",
            Map.of("type", "BPE", "vocab", vocabulary, "merges", List.of()));
    byte[] json = new Gson().toJson(tokenizer).getBytes(StandardCharsets.UTF_8);
    return HuggingFaceTokenizer.newInstance(
        new ByteArrayInputStream(json), Map.of("truncation", "false", "padding", "false"));
  }
}
