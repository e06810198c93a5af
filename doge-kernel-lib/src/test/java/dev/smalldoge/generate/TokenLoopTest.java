package dev.smalldoge.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.GenerationConfig;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.TestModels;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class TokenLoopTest {
  private static final GenerationConfig GREEDY =
      GenerationConfig.DEFAULT.with(
          g -> {
            g.maxNewTokens = 12;
            g.eosTokenIds = List.of();
          });
  private static final List<int[]> PROMPTS =
      List.of(new int[] {5, 9, 31}, new int[] {7}, new int[] {3, 30, 22, 11, 8, 19});

  @Test
  void promptsOfDifferentLengthsWriteWhatEachWritesAlone() {
    try (DogeForCausalLm model = TestModels.model(TestModels.small(), 4)) {
      List<List<Long>> together = write(model, GREEDY, 7, PROMPTS);
      for (int i = 0; i < PROMPTS.size(); i++) {
        assertThat(together.get(i)).isEqualTo(write(model, GREEDY, 7, PROMPTS.get(i)).get(0));
      }
    }
  }

  @Test
  void equalSeedsDrawAlikeAndRowsDrawFromSeedPlusRow() {
    GenerationConfig sampled = GREEDY.withTemperature(1.5).withTopK(20);
    try (DogeForCausalLm model = TestModels.model(TestModels.small(), 4)) {
      List<List<Long>> together = write(model, sampled, 7, PROMPTS);
      assertThat(write(model, sampled, 7, PROMPTS)).isEqualTo(together);
      assertThat(write(model, sampled, 8, PROMPTS)).isNotEqualTo(together);
      assertThat(write(model, sampled, 9, PROMPTS.get(2)).get(0)).isEqualTo(together.get(2));
    }
  }

  @Test
  void oneLikeliestTokenIsGreedy() {
    try (DogeForCausalLm model = TestModels.model(TestModels.small(), 4)) {
      List<List<Long>> greedy = write(model, GREEDY, 0, PROMPTS);
      assertThat(write(model, GREEDY.withTemperature(3).withTopK(1), 0, PROMPTS)).isEqualTo(greedy);
      GenerationConfig narrow = GREEDY.withTemperature(1).withTopK(0).withTopP(1e-6);
      assertThat(write(model, narrow, 0, PROMPTS)).isEqualTo(greedy);
      GenerationConfig steep = GREEDY.withTemperature(1).with(g -> g.minP = 0.9999);
      assertThat(write(model, steep, 0, PROMPTS)).isEqualTo(greedy);
    }
  }

  @Test
  void blocksChangeNothing() {
    try (DogeForCausalLm model = TestModels.model(TestModels.small(), 4)) {
      List<List<Long>> byOne = write(model, GREEDY, 0, 1, PROMPTS);
      assertThat(write(model, GREEDY, 0, 5, PROMPTS)).isEqualTo(byOne);
      assertThat(write(model, GREEDY, 0, 100, PROMPTS)).isEqualTo(byOne);
    }
  }

  @Test
  void rowsThatEndedWritePadding() {
    try (DogeForCausalLm model = TestModels.model(TestModels.small(), 4)) {
      List<Long> free = write(model, GREEDY, 0, PROMPTS.get(0)).get(0);
      int end = free.get(4).intValue();
      int first = free.indexOf((long) end);
      GenerationConfig ending = GREEDY.with(g -> g.eosTokenIds = List.of(end));
      List<Long> ended = write(model, ending, 0, PROMPTS.get(0)).get(0);
      assertThat(ended.subList(0, first + 1)).isEqualTo(free.subList(0, first + 1));
      assertThat(ended.subList(first + 1, ended.size())).containsOnly(2L);

      GenerationConfig longer = ending.with(g -> g.minNewTokens = 12);
      assertThat(write(model, longer, 0, PROMPTS.get(0)).get(0)).doesNotContain((long) end);
    }
  }

  @Test
  void aHeavyPenaltyForbidsRepetition() {
    GenerationConfig penalized = GREEDY.withRepetitionPenalty(1e6);
    try (DogeForCausalLm model = TestModels.model(TestModels.small(), 4)) {
      List<Long> written = write(model, penalized, 0, PROMPTS.get(2)).get(0);
      assertThat(written).doesNotHaveDuplicates().doesNotContain(3L, 30L, 22L, 11L, 8L, 19L);
      assertThat(write(model, penalized, 0, PROMPTS).get(2)).isEqualTo(written);
    }
  }

  @Test
  void promptsThatDoNotFitAreRefused() {
    ModelConfig config = TestModels.small(); // 64 positions, 40 ids
    try (DogeForCausalLm model = TestModels.model(config, 4)) {
      assertRefused(model, new int[64], "64 positions; shorten it to fewer than 64");
      assertRefused(model, new int[60], "use at most 4");
      assertRefused(model, new int[] {40}, "token id 40, but the model knows ids 0 to 39");
      assertRefused(model, new int[0], "no tokens");
    }
  }

  private static void assertRefused(DogeForCausalLm model, int[] prompt, String why) {
    assertThatThrownBy(() -> write(model, GREEDY, 0, prompt))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining(why);
  }

  private static List<List<Long>> write(
      DogeForCausalLm model, GenerationConfig config, long seed, int[] prompt) {
    return write(model, config, seed, List.of(prompt));
  }

  private static List<List<Long>> write(
      DogeForCausalLm model, GenerationConfig config, long seed, List<int[]> prompts) {
    return write(model, config, seed, 1, prompts);
  }

  private static List<List<Long>> write(
      DogeForCausalLm model, GenerationConfig config, long seed, int block, List<int[]> prompts) {
    List<List<Long>> rows = new ArrayList<>();
    prompts.forEach(p -> rows.add(new ArrayList<>()));
    new TokenLoop(model, config, seed)
        .run(
            prompts,
            block,
            tokens -> {
              for (int row = 0; row < tokens.length; row++) {
                for (long token : tokens[row]) {
                  rows.get(row).add(token);
                }
              }
              return true;
            });
    return rows;
  }
}
