package dev.smalldoge.model;

import static dev.smalldoge.model.TestModels.OPERATIONS;
import static dev.smalldoge.model.TestModels.small;
import static dev.smalldoge.model.TestModels.smallMoe;
import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.ModelConfig.Routing;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.torch.TwinWeights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A changed token moves no earlier logit and no other row's, bit for bit, on every path. */
class CausalityTest {
  private static final int ROWS = 2;
  private static final int LENGTH = 12;

  /** One path through the attention: a model, and how its ids become an input. */
  record Route(
      String name,
      ModelConfig config,
      boolean folded,
      Precision precision,
      BiFunction<ModelConfig, long[][], ModelInput> input) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Route> routes() {
    ModelConfig window = small().withKeepWindowSize(4);
    ModelConfig sliding = small().with(e -> e.slidingWindow = 5);
    return Stream.of(
            route("folded", small(), true, CausalityTest::plain),
            route("folded, padded right", small(), true, CausalityTest::paddedRight),
            route("folded, documents", small(), true, CausalityTest::packed),
            route("explicit, sliding window", sliding, false, CausalityTest::plain),
            route("explicit, padded left", small(), false, CausalityTest::paddedLeft),
            route("explicit, documents", sliding, false, CausalityTest::packed),
            route("top-k", window, false, CausalityTest::plain),
            route("top-k, padded right", window, false, CausalityTest::paddedRight),
            route("top-k, documents", window, false, CausalityTest::packed),
            route("experts", smallMoe(), true, CausalityTest::plain),
            route("experts, top-k", smallMoe().withKeepWindowSize(4), false, CausalityTest::plain))
        .flatMap(r -> Stream.of(r, inBfloat16(r)));
  }

  private static Route route(
      String name,
      ModelConfig config,
      boolean folded,
      BiFunction<ModelConfig, long[][], ModelInput> input) {
    return new Route(name, config, folded, Precision.FLOAT32, input);
  }

  private static Route inBfloat16(Route r) {
    return new Route(r.name + ", bf16", r.config, r.folded, Precision.BFLOAT16, r.input);
  }

  private static ModelInput plain(ModelConfig config, long[][] ids) {
    return ModelInput.of(OPERATIONS, ids);
  }

  private static ModelInput paddedRight(ModelConfig config, long[][] ids) {
    return padded(ids, LENGTH - 2, LENGTH);
  }

  private static ModelInput paddedLeft(ModelConfig config, long[][] ids) {
    return padded(ids, 0, 2);
  }

  /** Row 1 is padding in [from, to). */
  private static ModelInput padded(long[][] ids, int from, int to) {
    long[][] mask = new long[ROWS][LENGTH];
    Arrays.fill(mask[0], 1);
    for (int t = 0; t < LENGTH; t++) {
      mask[1][t] = t >= from && t < to ? 0 : 1;
    }
    return ModelInput.padded(OPERATIONS, ids, mask);
  }

  /** Documents of 5 and 7 tokens in row 0, one in row 1. */
  private static ModelInput packed(ModelConfig config, long[][] ids) {
    return ModelInput.packed(OPERATIONS, TestModels.tensor(ids), ROWS, LENGTH, 0, 5, 12, 24);
  }

  @ParameterizedTest
  @MethodSource("routes")
  void aChangedTokenMovesNoEarlierLogit(Route route) {
    try (DogeForCausalLm model = model(route.config, route.precision)) {
      long[][] ids = TestModels.ids(route.config, ROWS, LENGTH, 31);
      float[] before = logits(model, route, ids);
      for (int t = 1; t < LENGTH; t++) {
        long[][] changed = TestModels.copy(ids);
        changed[0][t] = changed[0][t] == 3 ? 4 : 3;
        float[] after = logits(model, route, changed);
        int vocabulary = route.config.vocabSize();
        int untouched = t * vocabulary;
        assertThat(Arrays.copyOf(after, untouched))
            .as("logits before token %d", t)
            .isEqualTo(Arrays.copyOf(before, untouched));
        assertThat(Arrays.copyOfRange(after, LENGTH * vocabulary, after.length))
            .as("logits of the other row")
            .isEqualTo(Arrays.copyOfRange(before, LENGTH * vocabulary, before.length));
        assertThat(Arrays.mismatch(before, after)).as("first moved").isNotNegative();
      }
    }
  }

  private static float[] logits(DogeForCausalLm model, Route route, long[][] ids) {
    try (TensorScope scope = new TensorScope()) {
      ModelInput input = route.input.apply(route.config, ids);
      assertThat(DynamicMaskAttention.folds(route.config, input, false)).isEqualTo(route.folded);
      return OPERATIONS.cast(model.logits(input), DType.FLOAT32).toFloats();
    }
  }

  private static DogeForCausalLm model(ModelConfig config, Precision precision) {
    Map<String, Tensor> tensors = TwinWeights.tensors(TwinWeights.of(config, 32), OPERATIONS);
    return new DogeForCausalLm(config, Weights.of(config, OPERATIONS, tensors), precision);
  }

  static Stream<ModelConfig> cachedConfigs() {
    return Stream.of(
        small(), small().withKeepWindowSize(4), small().with(e -> e.slidingWindow = 5), smallMoe());
  }

  /** Read in pieces, so that a piece's later tokens are there while its earlier ones are read. */
  @ParameterizedTest
  @MethodSource("cachedConfigs")
  void aChangedTokenMovesNothingThatTheCacheHolds(ModelConfig config) {
    try (DogeForCausalLm model = model(config, Precision.FLOAT32)) {
      long[][] ids = TestModels.ids(config, 1, LENGTH, 33);
      long[][] changed = TestModels.copy(ids);
      changed[0][7] = changed[0][7] == 3 ? 4 : 3; // the last of the second piece
      List<float[]> before = cachedKeys(model, ids);
      List<float[]> after = cachedKeys(model, changed);
      int width = config.headDim();
      boolean moved = false;
      for (int i = 0; i < before.size(); i++) {
        for (int t = 0; t < 8; t++) {
          for (int group = 0; group < config.numKeyValueHeads(); group++) {
            int at = (group * LENGTH + t) * width;
            float[] was = Arrays.copyOfRange(before.get(i), at, at + width);
            float[] is = Arrays.copyOfRange(after.get(i), at, at + width);
            if (t < 7) {
              assertThat(is).as("keys of token %d", t).isEqualTo(was);
            }
            moved |= !Arrays.equals(is, was);
          }
        }
      }
      assertThat(moved).as("the changed token's own keys move").isTrue();
    }
  }

  /** Keys and values of every layer after pieces of 3, 5 and 4 tokens. */
  private static List<float[]> cachedKeys(DogeForCausalLm model, long[][] ids) {
    List<float[]> keys = new ArrayList<>();
    try (TensorScope scope = new TensorScope();
        KeyValueCache cache = model.newCache(1, LENGTH)) {
      for (int[] piece : new int[][] {{0, 3}, {3, 8}, {8, 12}}) {
        long[][] part = {Arrays.copyOfRange(ids[0], piece[0], piece[1])};
        model.nextLogits(TestModels.tensor(part), cache, List.of());
      }
      for (int layer = 0; layer < model.config().numHiddenLayers(); layer++) {
        keys.add(cache.layer(layer).get(0).toFloats());
        keys.add(cache.layer(layer).get(1).toFloats());
      }
    }
    return keys;
  }

  /**
   * What {@code routing = legacy} is kept for: weights that were trained with this. Of N tokens,
   * token n takes half of its scores from token (N + n) / 2, whatever row that is in.
   */
  @Test
  void legacyRoutingLooksAhead() {
    ModelConfig config = smallMoe().with(e -> e.routing = Routing.LEGACY);
    try (DogeForCausalLm model = model(config, Precision.FLOAT32);
        TensorScope scope = new TensorScope()) {
      long[][] ids = TestModels.ids(config, ROWS, LENGTH, 34);
      long[][] changed = TestModels.copy(ids);
      changed[1][3] = changed[1][3] == 3 ? 4 : 3; // token 15 of 24
      float[] before = model.logits(plain(config, ids)).toFloats();
      float[] after = model.logits(plain(config, changed)).toFloats();
      assertThat(Arrays.mismatch(before, after) / config.vocabSize())
          .as("first token that moves, in the row before")
          .isBetween(0, 6);
    }
  }
}
