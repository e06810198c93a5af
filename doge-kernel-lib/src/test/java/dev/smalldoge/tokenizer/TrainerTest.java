package dev.smalldoge.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TrainerTest {
  private static void assertLikeTwin(List<String> texts, int size, int threads) {
    SlowTrainer slow = new SlowTrainer(texts, size);
    BytePairTrainer fast = BytePairTrainer.train(PieceCounts.of(texts, threads), size);
    assertThat(fast.tokens().stream().map(ByteAlphabet::spell).toList()).isEqualTo(slow.tokens);
    assertThat(
            fast.merges().stream()
                .map(
                    merge ->
                        ByteAlphabet.spell(fast.tokens().get(merge[0]))
                            + " "
                            + ByteAlphabet.spell(fast.tokens().get(merge[1])))
                .toList())
        .isEqualTo(slow.merges);
  }

  @Test
  void findsTheMergesOfThePlainTwinInEnglish() {
    assertLikeTwin(ShippedTexts.all().subList(0, 400), 500, 2);
  }

  @Test
  void findsTheMergesOfThePlainTwinWhereTokensRepeat() {
    Random random = new Random(233);
    for (int round = 0; round < 60; round++) {
      List<String> texts = new ArrayList<>();
      int letters = 1 + random.nextInt(3);
      for (int i = 0; i < 8; i++) {
        StringBuilder text = new StringBuilder();
        for (int c = 0; c < 40; c++) {
          text.append(random.nextInt(6) == 0 ? ' ' : (char) ('a' + random.nextInt(letters)));
        }
        texts.add(text.toString());
      }
      assertLikeTwin(texts, 320, 1 + round % 3);
    }
  }

  @Test
  void dependsNeitherOnOrderNorOnThreads() {
    List<String> texts = new ArrayList<>(ShippedTexts.all().subList(0, 3_000));
    Tokenizer tokenizer = Tokenizer.train(texts, 1_000);
    Collections.shuffle(texts, new Random(1));
    TokenizerFiles other = DogeLayout.train(PieceCounts.of(texts, 3), 1_000);
    assertThat(other.fingerprint()).isEqualTo(tokenizer.fingerprint());
  }

  @Test
  void writesATokenizerThatTheOracleReads() {
    List<String> texts = ShippedTexts.all();
    TokenizerFiles files = DogeLayout.train(PieceCounts.of(texts.subList(0, 3_000), 2), 1_000);
    Tokenizer tokenizer = Tokenizer.of(files);
    DjlTokenizer oracle = new DjlTokenizer(files);
    assertThat(tokenizer.servedByDjl()).isEmpty();
    assertThat(tokenizer.vocabSize()).isEqualTo(1_000);
    FuzzedText fuzz = new FuzzedText(1);
    for (int i = 0; i < 2_000; i++) {
      String text = fuzz.next() + texts.get(i);
      assertThat(tokenizer.encode(text)).isEqualTo(oracle.encode(text));
    }
  }

  @Test
  void refusesMoreIdsThanTheTextsGive() {
    assertThatThrownBy(() -> Tokenizer.train(List.of("the sea the sea"), 4_096))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("give a vocabulary of 277, not of 4096");
    assertThatThrownBy(() -> Tokenizer.train(List.of("the sea"), 100))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("vocabSize 100 is too small");
  }
}
