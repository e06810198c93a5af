package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.RopeScaling;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TwinArray;
import dev.smalldoge.torch.TwinWeights;
import java.util.Map;
import java.util.Random;

/** Small models and inputs for the tests of this room and of the optimizer's. */
public final class TestModels {
  /** Where the tests compute. */
  public static final Operations OPERATIONS = Operations.on(Device.CPU);

  private TestModels() {}

  /** Two layers of width 24: 4 query heads of width 6, 2 key and value heads, 40 token ids. */
  public static ModelConfig small() {
    return ModelConfig.doge20M()
        .with(
            e -> {
              e.vocabSize = 40;
              e.hiddenSize = 24;
              e.intermediateSize = 36;
              e.numHiddenLayers = 2;
              e.numAttentionHeads = 4;
              e.numKeyValueHeads = 2;
              e.keepWindowSize = 64;
              e.maxPositionEmbeddings = 64;
              e.ropeScaling = RopeScaling.NONE;
            });
  }

  /** {@link #small} with 16 experts, 3 per token. */
  public static ModelConfig smallMoe() {
    return small().withExperts(16, 3);
  }

  /** A model with random weights in which every part matters, A included. */
  public static DogeForCausalLm model(ModelConfig config, long seed) {
    return model(config, TwinWeights.of(config, seed));
  }

  /** A model of these weights. */
  public static DogeForCausalLm model(ModelConfig config, Map<String, TwinArray> arrays) {
    Weights weights = Weights.of(config, OPERATIONS, TwinWeights.tensors(arrays, OPERATIONS));
    return new DogeForCausalLm(config, weights, Precision.FLOAT32);
  }

  /** Random token ids (rows, length), none of them padding. */
  public static long[][] ids(ModelConfig config, int rows, int length, long seed) {
    Random random = new Random(seed);
    long[][] ids = new long[rows][length];
    for (long[] row : ids) {
      for (int t = 0; t < length; t++) {
        row[t] = 3L + random.nextInt(config.vocabSize() - 3);
      }
    }
    return ids;
  }

  /** Rows as one INT64 tensor. */
  public static Tensor tensor(long[][] rows) {
    long[] flat = java.util.Arrays.stream(rows).flatMapToLong(java.util.Arrays::stream).toArray();
    return OPERATIONS.longs(flat, rows.length, rows[0].length);
  }

  /** A copy of the rows. */
  public static long[][] copy(long[][] rows) {
    return java.util.Arrays.stream(rows).map(long[]::clone).toArray(long[][]::new);
  }
}
