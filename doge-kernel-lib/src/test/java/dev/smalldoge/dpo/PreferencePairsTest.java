package dev.smalldoge.dpo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.PreferenceLoss;
import dev.smalldoge.data.PreferencePair;
import dev.smalldoge.data.TestTokenizers;
import dev.smalldoge.tokenizer.Message;
import dev.smalldoge.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PreferencePairsTest {
  private static final Tokenizer TOKENIZER = TestTokenizers.bytes();

  private static PreferencePair pair(String prompt, String chosen, String rejected) {
    return new PreferencePair(
        List.of(Message.user(prompt)), Message.assistant(chosen), Message.assistant(rejected));
  }

  private static PreferencePairs pairs(int count) {
    List<PreferencePair> pairs = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      pairs.add(pair("q" + i / 2, "yes" + i, "no"));
    }
    return PreferencePairs.of(pairs, TOKENIZER, 64, 32);
  }

  @Test
  void promptsEndWithTheAssistantsHeaderAndAnswersWithTheEndToken() {
    EncodedPair encoded =
        PreferencePairs.of(List.of(pair("q", "yes", "no")), TOKENIZER, 64, 32).pair(0);
    assertThat(TOKENIZER.decode(encoded.prompt(), false)).isEqualTo("<bos>[user]q<eos>[assistant]");
    assertThat(TOKENIZER.decode(encoded.chosen(), false)).isEqualTo("yes<eos>");
    assertThat(TOKENIZER.decode(encoded.rejected(), false)).isEqualTo("no<eos>");
  }

  @Test
  void promptsAreCutAtTheirBeginningAndAnswersAtTheirEnd() {
    EncodedPair encoded =
        PreferencePairs.of(List.of(pair("question", "yes", "abcdefgh")), TOKENIZER, 20, 14).pair(0);
    assertThat(TOKENIZER.decode(encoded.prompt(), false)).isEqualTo("on<eos>[assistant]");
    assertThat(TOKENIZER.decode(encoded.chosen(), false)).isEqualTo("yes<eos>");
    assertThat(TOKENIZER.decode(encoded.rejected(), false)).isEqualTo("abcdef");
    assertThat(encoded.length()).isEqualTo(20);
  }

  @Test
  void aSplitHoldsEqualPromptsOnOneSide() {
    PreferencePairs.Split split = pairs(40).split(10, 233);
    assertThat(split.training().count() + split.heldOut().count()).isEqualTo(40);
    assertThat(split.heldOut().count()).isGreaterThanOrEqualTo(10);
    List<String> heldOut = prompts(split.heldOut());
    assertThat(prompts(split.training())).doesNotContainAnyElementsOf(heldOut);
    assertThat(split.training().fingerprint()).isNotEqualTo(split.heldOut().fingerprint());
  }

  private static List<String> prompts(PreferencePairs pairs) {
    List<String> prompts = new ArrayList<>();
    for (int i = 0; i < pairs.count(); i++) {
      prompts.add(TOKENIZER.decode(pairs.pair(i).prompt(), false));
    }
    return prompts;
  }

  @Test
  void everyEpochHasAllPairsInAnotherOrder() {
    int[] first = PreferencePairs.order(100, 1);
    assertThat(first).containsExactlyInAnyOrder(java.util.stream.IntStream.range(0, 100).toArray());
    assertThat(first).isEqualTo(PreferencePairs.order(100, 1));
    assertThat(first).isNotEqualTo(PreferencePairs.order(100, 2));
  }

  @Test
  void badInputIsOneSentence() {
    assertThatThrownBy(() -> PreferencePairs.of(List.of(pair("q", "a", "a")), TOKENIZER, 64, 32))
        .isInstanceOf(DogeException.class)
        .hasMessage("both answers to \"q\" are the same; leave such a pair out");
    assertThatThrownBy(() -> PreferencePairs.of(List.of(), TOKENIZER, 64, 32))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("there are no preferences");
    assertThatThrownBy(() -> PreferencePairs.of(List.of(), TOKENIZER, 64, 64))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("maxPromptLength 64 is outside 1 to maxLength 64");
    assertThatThrownBy(() -> pairs(4).split(4, 1))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("4 of 4 pairs cannot be held out");
    assertThatThrownBy(() -> new PreferenceLoss(PreferenceLoss.Form.IPO, 0.1, 0.2))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("use 0 with ipo");
    assertThatThrownBy(() -> new PreferenceLoss(PreferenceLoss.Form.SIGMOID, -1, 0))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("beta -1.0 is not positive");
  }
}
