package dev.smalldoge.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class StreamingDecoderTest {
  private static final Tokenizer TOKENIZER =
      Tokenizer.load(ShippedTexts.folder().resolve("tokenizer"));

  @Test
  void holdsACharacterBackUntilItIsWhole() {
    StreamingDecoder decoder = TOKENIZER.streamingDecoder();
    List<String> pieces = new ArrayList<>();
    for (int id : TOKENIZER.encode("a\uD83C\uDF0Ab")) { // the wave is four bytes, four ids
      pieces.add(decoder.add(id));
    }
    assertThat(pieces).containsExactly("a", "", "", "", "\uD83C\uDF0A", "b");
    assertThat(decoder.finish()).isEmpty();
  }

  @Test
  void givesAReplacementForACharacterThatNeverEnds() {
    StreamingDecoder decoder = TOKENIZER.streamingDecoder();
    int[] wave = TOKENIZER.encode("\uD83C\uDF0A");
    assertThat(decoder.add(wave[0]) + decoder.add(wave[1])).isEmpty();
    assertThat(decoder.add(TOKENIZER.encode("b")[0])).isEqualTo("\uFFFDb");
    assertThat(decoder.add(wave[0])).isEmpty();
    assertThat(decoder.finish()).isEqualTo("\uFFFD");
    assertThat(decoder.add(TOKENIZER.encode("c")[0])).isEqualTo("c");
  }

  @Test
  void joinsToTheDecodedTextForAnyIds() {
    SplittableRandom random = new SplittableRandom(233);
    for (int round = 0; round < 5_000; round++) {
      boolean skip = round % 2 == 0;
      // mostly single bytes, so that broken UTF-8 of every kind occurs
      int[] ids = random.ints(1 + random.nextInt(10), 0, 300).toArray();
      StreamingDecoder decoder = TOKENIZER.streamingDecoder(skip);
      StringBuilder joined = new StringBuilder();
      for (int id : ids) {
        String piece = decoder.add(id);
        joined.append(piece);
      }
      joined.append(decoder.finish());
      assertThat(joined.toString()).isEqualTo(TOKENIZER.decode(ids, skip));
    }
  }

  @Test
  void refusesAnIdWithoutAToken() {
    assertThatThrownBy(() -> TOKENIZER.streamingDecoder().add(4_096))
        .isInstanceOf(DogeException.class)
        .hasMessage(
            "id 4096 has no token in this vocabulary of 4096; were the ids made by another"
                + " tokenizer?");
  }
}
