package dev.smalldoge.model;

import static dev.smalldoge.model.TestModels.OPERATIONS;
import static dev.smalldoge.model.TestModels.small;
import static dev.smalldoge.model.TestModels.smallMoe;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.RopeScaling;
import dev.smalldoge.torch.TensorScope;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Reading token by token with the cache gives the logits of reading all at once. */
class CachedLogitsTest {
  private static final int LENGTH = 12;

  static Stream<ModelConfig> configs() {
    return Stream.of(
        small(),
        small().withKeepWindowSize(4),
        small().with(e -> e.slidingWindow = 5),
        small()
            .with(
                e -> {
                  e.attentionBias = true;
                  e.mlpBias = true;
                  e.tieWordEmbeddings = false;
                }),
        small().with(e -> e.ropeScaling = new RopeScaling("dynamic", 4, 64)),
        smallMoe(),
        smallMoe().withKeepWindowSize(4),
        small().with(e -> e.slidingWindow = 7).withKeepWindowSize(3));
  }

  @ParameterizedTest
  @MethodSource("configs")
  void cachedEqualsUncached(ModelConfig config) {
    long[][] ids = {repeatedIds()};
    try (DogeForCausalLm model = TestModels.model(config, 42);
        TensorScope scope = new TensorScope();
        KeyValueCache cache = model.newCache(1, LENGTH)) {
      int read = 5;
      for (int from = 0; from < LENGTH; from = read, read++) {
        long[][] fresh = {Arrays.copyOfRange(ids[0], from, read)};
        float[] cached = model.nextLogits(TestModels.tensor(fresh), cache, List.of()).toFloats();
        long[][] soFar = {Arrays.copyOf(ids[0], read)};
        float[] all = model.logits(ModelInput.of(OPERATIONS, soFar)).toFloats();
        for (int v = 0; v < cached.length; v++) {
          // Two fp32 paths of two layers; logits are of the order of 5.
          assertThat(cached[v])
              .as("after %d tokens, id %d", read, v)
              .isCloseTo(all[(read - 1) * cached.length + v], within(5e-5f));
        }
      }
    }
  }

  /** What a query keeps does not depend on how many tokens follow. */
  @ParameterizedTest
  @MethodSource("configs")
  void whatFollowsChangesNothing(ModelConfig config) {
    long[] ids = repeatedIds();
    try (DogeForCausalLm model = TestModels.model(config, 43);
        TensorScope scope = new TensorScope()) {
      float[] all = model.logits(ModelInput.of(OPERATIONS, new long[][] {ids})).toFloats();
      for (int length = 1; length < LENGTH; length++) {
        long[][] part = {Arrays.copyOf(ids, length)};
        float[] found = model.logits(ModelInput.of(OPERATIONS, part)).toFloats();
        for (int i = 0; i < found.length; i++) {
          assertThat(found[i]).as("%d tokens", length).isCloseTo(all[i], within(5e-5f));
        }
      }
    }
  }

  /** Five ids again and again: in the first layer equal ids have equal biases. */
  private static long[] repeatedIds() {
    return new Random(41).longs(LENGTH, 3, 8).toArray();
  }
}
