package dev.smalldoge.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Golden encodings, the encoder and its plain twin agree. */
class EncodingTwinTest {
  private static final Path SHIPPED = ShippedTexts.folder().resolve("tokenizer");

  private static List<Integer> ids(Tokenizer tokenizer, String text) {
    return Arrays.stream(tokenizer.encode(text)).boxed().toList();
  }

  private static void goldenTwinAndEncoderAgree(Path folder, String golden) throws Exception {
    Tokenizer tokenizer = Tokenizer.load(folder);
    SlowEncoder twin = new SlowEncoder(folder);
    List<GoldenEncodings.Encoding> encodings = GoldenEncodings.read(golden, tokenizer);
    assertThat(encodings).hasSizeGreaterThan(100);
    for (GoldenEncodings.Encoding one : encodings) {
      assertThat(twin.encode(one.text())).as(one.text()).isEqualTo(one.ids());
      assertThat(ids(tokenizer, one.text())).as(one.text()).isEqualTo(one.ids());
    }
  }

  @Test
  void goldensOfTheShippedTokenizer() throws Exception {
    goldenTwinAndEncoderAgree(SHIPPED, "encodings-shipped.jsonl");
  }

  @Test
  @Tag("shared")
  void goldensOfTheRealTokenizer() throws Exception {
    goldenTwinAndEncoderAgree(RealTokenizerTest.FOLDER, "encodings-doge.jsonl");
  }

  @Test
  void aSpeechIsEncodedAsByTheTwin() throws Exception {
    Tokenizer tokenizer = Tokenizer.load(SHIPPED);
    SlowEncoder twin = new SlowEncoder(SHIPPED);
    List<String> texts = ShippedTexts.all();
    for (int i = 0; i < texts.size(); i += 97) {
      String text = texts.get(i).substring(0, Math.min(20_000, texts.get(i).length()));

      assertThat(ids(tokenizer, text)).isEqualTo(twin.encode(text));
    }
  }
}
