package dev.smalldoge.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Our encoder against Hugging Face's own library, with the real Doge tokenizer. */
@Tag("shared")
class RealEncoderTest {
  private static final Tokenizer TOKENIZER = Tokenizer.load(RealTokenizerTest.FOLDER);
  private static final DjlTokenizer ORACLE =
      new DjlTokenizer(TokenizerFiles.read(RealTokenizerTest.FOLDER));

  @Test
  void isServedByOurEncoder() {
    assertThat(TOKENIZER.servedByDjl()).isEmpty();
  }

  @Test
  void encodesTheShippedCorpusAsTheOracle() {
    List<String> texts = ShippedTexts.all();
    for (String text : texts) {
      int[] ids = TOKENIZER.encode(text);
      assertThat(ids).isEqualTo(ORACLE.encode(text));
      assertThat(TOKENIZER.decode(ids)).isEqualTo(text);
    }
    assertThat(texts).hasSizeGreaterThan(6_000);
  }

  @Test
  void encodesFuzzedUnicodeAsTheOracle() {
    FuzzedText fuzz = new FuzzedText(233);
    for (int i = 0; i < 20_000; i++) {
      String text = fuzz.next();
      int[] ids = TOKENIZER.encode(text);
      assertThat(ids).as("text %d: %s", i, text).isEqualTo(ORACLE.encode(text));
      assertThat(TOKENIZER.decode(ids)).isEqualTo(text);
    }
  }

  @Test
  void decodesAnyIdsAsTheOracle() {
    var random = new java.util.SplittableRandom(233);
    for (int i = 0; i < 5_000; i++) {
      int[] ids = random.ints(1 + random.nextInt(12), 0, 32_768).toArray();
      assertThat(TOKENIZER.decode(ids)).isEqualTo(ORACLE.decode(ids, false));
      assertThat(TOKENIZER.decode(ids, true)).isEqualTo(ORACLE.decode(ids, true));
    }
  }
}
