package dev.smalldoge.model;

import static dev.smalldoge.model.TestModels.OPERATIONS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.RopeScaling;
import dev.smalldoge.model.KeptDecodingWeights.Borrowed;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.PackedMatrices;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Reading token by token against reading everything at once. */
class DecoderTest {
  /** Both sides are fp32 with other orders of summation; seeds here reach 2e-5 of the largest. */
  private static final float TOLERANCE = 5e-5f;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
  void cachedEqualsUncached(long seed) {
    ModelConfig config = randomConfig(new Random(seed));
    try (DogeForCausalLm model = TestModels.model(config, seed)) {
      int rows = seed % 3 == 0 ? 3 : 1;
      long[][] ids = repeatedIds(rows, 20, seed);
      int[] noPadding = {};
      compare(model, ids, 1 + (int) seed % 5, noPadding, false);
      compare(model, ids, 7, noPadding, true);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void paddedRowsAreAsTheyAreAlone(long seed) {
    ModelConfig config = randomConfig(new Random(seed));
    try (DogeForCausalLm model = TestModels.model(config, seed)) {
      long[][] ids = repeatedIds(3, 20, seed);
      compare(model, ids, 8, new int[] {0, 7, 3}, seed % 2 == 0);
    }
  }

  @Test
  void pastTheOriginalLengthEachTokenIsTurnedByTheBaseOfItsOwnLength() {
    ModelConfig config =
        TestModels.small()
            .with(
                e -> {
                  e.ropeScaling = new RopeScaling("dynamic", 4, 10);
                  e.maxPositionEmbeddings = 40;
                });
    try (DogeForCausalLm model = TestModels.model(config, 5);
        TensorScope scope = new TensorScope()) {
      long[][] ids = TestModels.ids(config, 1, 24, 5);
      // nextLogits turns the tokens of one call by the base of the length it reaches.
      KeyValueCache cache = model.newCache(1, 24);
      Decoder decoder = model.newDecoder(1, 24);
      float[] expected = model.nextLogits(part(ids, 0, 6), cache, List.of()).toFloats();
      assertClose(decoder.read(part(ids, 0, 6)).toFloats(), expected, "prompt");
      for (int t = 6; t < 24; t++) {
        Tensor token = part(ids, t, 1);
        expected = model.nextLogits(token, cache, List.of()).toFloats();
        assertClose(decoder.next(token).toFloats(), expected, "token " + t);
      }
      // Before the original length, this is what reading at once gives.
      float[] whole = model.logits(input(ids, 0, 10)).toFloats();
      KeyValueCache fresh = model.newCache(1, 24);
      model.nextLogits(part(ids, 0, 9), fresh, List.of());
      float[] stepwise = model.nextLogits(part(ids, 9, 1), fresh, List.of()).toFloats();
      assertClose(stepwise, Arrays.copyOfRange(whole, 9 * 40, 400), "at the original length");
      decoder.close();
      cache.close();
      fresh.close();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void bf16IsTheSameUpToItsRounding(boolean mirrored) {
    for (long seed : new long[] {2, 3, 5}) {
      ModelConfig config = randomConfig(new Random(seed)).with(e -> e.keepWindowSize = 64);
      long[][] ids = repeatedIds(2, 12, seed);
      try (DogeForCausalLm exact = TestModels.model(config, seed);
          DogeForCausalLm rounded = bf16(config, seed);
          DecodingWeights weights =
              new DecodingWeights(config, rounded.weights(), Precision.BFLOAT16, mirrored);
          RotaryEmbedding rotary = new RotaryEmbedding(config, OPERATIONS);
          TensorScope scope = new TensorScope();
          Decoder decoder =
              new PlainDecoder(
                  rounded, new Borrowed(weights, false, () -> false, () -> {}), rotary, 2, 12)) {
        decoder.read(part(ids, 0, 5));
        for (int t = 5; t < 12; t++) {
          float[] found = decoder.next(part(ids, t, 1)).toFloats();
          float[] expected = exact.logits(input(ids, 0, t + 1)).toFloats();
          double error = 0;
          double size = 0;
          for (int row = 0; row < 2; row++) {
            for (int v = 0; v < 40; v++) {
              double e = expected[(row * (t + 1) + t) * 40 + v];
              error += Math.pow(e - found[row * 40 + v], 2);
              size += e * e;
            }
          }
          // bf16 keeps 8 bits; a route to other experts would be an error of about 1.
          assertThat(Math.sqrt(error / size)).isLessThan(config.isMoe() ? 0.3 : 0.05);
        }
      }
    }
  }

  /**
   * fp16 keeps 11 bits of each weight. No experts, as a route to others would be an error of about
   * 1.
   */
  @Test
  void fp16WeightsAreTheSameUpToTheirRounding() {
    for (long seed : new long[] {1, 2, 3}) {
      ModelConfig config =
          TestModels.small()
              .with(
                  e -> {
                    e.tieWordEmbeddings = seed == 1;
                    e.attentionBias = seed == 2;
                    e.mlpBias = seed == 3;
                  });
      long[][] ids = repeatedIds(2, 12, seed);
      try (DogeForCausalLm exact = TestModels.model(config, seed);
          DogeForCausalLm rounded =
              new DogeForCausalLm(config, exact.weights().copy(), Precision.FLOAT16_WEIGHTS);
          TensorScope scope = new TensorScope();
          Decoder decoder = rounded.newDecoder(2, 12)) {
        decoder.read(part(ids, 0, 5));
        float[] found = {};
        for (int t = 5; t < 12; t++) {
          found = decoder.next(part(ids, t, 1)).toFloats();
        }
        float[] expected = exact.logits(input(ids, 0, 12)).toFloats();
        double error = 0;
        double size = 0;
        for (int v = 0; v < 40; v++) {
          error += Math.pow(expected[11 * 40 + v] - found[v], 2);
          size += Math.pow(expected[11 * 40 + v], 2);
        }
        assertThat(Math.sqrt(error / size)).isBetween(1e-5, 2e-3);
      }
    }
  }

  @Test
  void fp16WeightsAreForTheCpu() {
    assertThat(PackedMatrices.serve(new Device(0))).isFalse();
  }

  private static DogeForCausalLm bf16(ModelConfig config, long seed) {
    var arrays = dev.smalldoge.torch.TwinWeights.of(config, seed);
    Weights weights =
        Weights.of(config, OPERATIONS, dev.smalldoge.torch.TwinWeights.tensors(arrays, OPERATIONS));
    return new DogeForCausalLm(config, weights, Precision.BFLOAT16);
  }

  @Test
  void changedWeightsAreSeenByTheNextDecoder() {
    try (DogeForCausalLm model = TestModels.model(TestModels.small(), 5);
        TensorScope scope = new TensorScope()) {
      long[][] ids = TestModels.ids(model.config(), 1, 6, 5);
      compare(model, ids, 3, new int[0]);
      Tensor gate = model.weights().get("model.layers.1.mlp.gate_proj.weight");
      OPERATIONS.copyInto(gate, OPERATIONS.normal(0.5, gate.shape()));
      compare(model, ids, 3, new int[0]);
      model.weights().train(name -> true);
      try (var optimizer =
          new dev.smalldoge.optim.AdamW(
              model.weights(), dev.smalldoge.optim.AdamW.Settings.PRETRAINING)) {
        ModelInput input = input(ids, 0, 6);
        model.backward(input, input.inputIds(), 1, 0);
        optimizer.update(0.1);
      }
      model.weights().train(name -> false);
      compare(model, ids, 3, new int[0]);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void goesBackAndReadsOn(long seed) {
    ModelConfig config = randomConfig(new Random(seed));
    try (DogeForCausalLm model = TestModels.model(config, seed);
        TensorScope scope = new TensorScope();
        Decoder decoder = model.newDecoder(1, 24)) {
      long[][] other = repeatedIds(1, 20, seed + 99);
      long[][] ids = repeatedIds(1, 20, seed);
      System.arraycopy(ids[0], 0, other[0], 0, 6);
      decoder.read(part(other, 0, 9));
      decoder.next(part(other, 9, 1));
      decoder.rewind(6);
      float[] found = decoder.read(part(ids, 6, 11)).toFloats();
      float[] all = model.logits(input(ids, 0, 18)).toFloats();
      assertClose(found, Arrays.copyOfRange(all, 16 * 40, 17 * 40), "read on");
      found = decoder.next(part(ids, 17, 1)).toFloats();
      assertClose(found, Arrays.copyOfRange(all, 17 * 40, 18 * 40), "next");
      assertThat(decoder.isCurrent()).isTrue();
      model.weights().train(name -> true);
      assertThat(decoder.isCurrent()).isFalse();
      assertThatThrownBy(() -> decoder.rewind(19)).hasMessageContaining("of 18 that were read");
    }
  }

  @Test
  void leavesNoTensorsOpen() {
    ModelConfig config = TestModels.smallMoe();
    try (DogeForCausalLm model = TestModels.model(config, 5)) {
      long[][] ids = TestModels.ids(config, 2, 12, 5);
      compare(model, ids, 4, new int[] {0, 2}); // makes the copy of the weights that stays
      long before = Tensor.live();
      compare(model, ids, 4, new int[] {0, 2});
      assertThat(Tensor.live()).isEqualTo(before);
    }
  }

  @Test
  void refusesMoreThanItHasRoomFor() {
    try (DogeForCausalLm model = TestModels.model(TestModels.small(), 5);
        TensorScope scope = new TensorScope();
        Decoder decoder = model.newDecoder(1, 3)) {
      long[][] ids = TestModels.ids(model.config(), 1, 4, 5);
      decoder.read(part(ids, 0, 3));
      assertThatThrownBy(() -> decoder.next(part(ids, 3, 1)))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("do not fit the cache of 3");
      assertThatThrownBy(() -> decoder.read(part(ids, 0, 1), 0)).hasMessageContaining("has read 3");
    }
  }

  /** Seven ids again and again: in the first layer equal tokens have equal biases. */
  private static long[][] repeatedIds(int rows, int length, long seed) {
    long[][] ids = new long[rows][];
    Arrays.setAll(ids, row -> new Random(seed + row).longs(length, 3, 10).toArray());
    return ids;
  }

  private static ModelConfig randomConfig(Random random) {
    random.nextLong(); // the first draws of near seeds are alike
    ModelConfig base = random.nextInt(8) >= 4 ? TestModels.small() : TestModels.smallMoe();
    return base.with(
        e -> {
          e.numKeyValueHeads = 1 << random.nextInt(3);
          e.keepWindowSize = random.nextBoolean() ? 64 : 5 + random.nextInt(10);
          e.tieWordEmbeddings = random.nextBoolean();
          e.attentionBias = random.nextBoolean();
          e.mlpBias = random.nextBoolean();
          e.slidingWindow = random.nextInt(4) == 0 ? 6 : 0;
          e.normTopkProb = random.nextBoolean();
        });
  }

  private static void compare(DogeForCausalLm model, long[][] ids, int prompt, int[] padding) {
    try (Decoder decoder = model.newDecoder(ids.length, ids[0].length)) {
      compare(model, decoder, ids, prompt, padding);
    }
  }

  private static void compare(
      DogeForCausalLm model, long[][] ids, int prompt, int[] padding, boolean mirrored) {
    ModelConfig config = model.config();
    try (DecodingWeights weights =
            new DecodingWeights(config, model.weights(), Precision.FLOAT32, mirrored);
        RotaryEmbedding rotary = new RotaryEmbedding(config, OPERATIONS);
        Decoder decoder =
            new PlainDecoder(
                model,
                new Borrowed(weights, false, () -> false, () -> {}),
                rotary,
                ids.length,
                ids[0].length)) {
      compare(model, decoder, ids, prompt, padding);
    }
  }

  private static void compare(
      DogeForCausalLm model, Decoder decoder, long[][] ids, int prompt, int[] padding) {
    int length = ids[0].length;
    int vocabSize = model.config().vocabSize();
    try (TensorScope scope = new TensorScope()) {
      float[][] expected = new float[ids.length][];
      long[][] padded = TestModels.copy(ids);
      for (int row = 0; row < ids.length; row++) {
        int begin = padding.length == 0 ? 0 : padding[row];
        Arrays.fill(padded[row], 0, begin, model.config().padTokenId());
        expected[row] =
            model.logits(input(new long[][] {ids[row]}, begin, length - begin)).toFloats();
      }
      for (int t = prompt - 1; t < length; t++) {
        float[] found =
            (t == prompt - 1
                    ? decoder.read(part(padded, 0, prompt), padding)
                    : decoder.next(part(padded, t, 1)))
                .toFloats();
        for (int row = 0; row < ids.length; row++) {
          int at = (t - (padding.length == 0 ? 0 : padding[row])) * vocabSize;
          assertClose(
              Arrays.copyOfRange(found, row * vocabSize, (row + 1) * vocabSize),
              Arrays.copyOfRange(expected[row], at, at + vocabSize),
              "row " + row + ", token " + t);
        }
      }
    }
  }

  private static void assertClose(float[] found, float[] expected, String where) {
    float largest = 0;
    for (float e : expected) {
      largest = Math.max(largest, Math.abs(e));
    }
    for (int i = 0; i < expected.length; i++) {
      assertThat(Math.abs(found[i] - expected[i]) / largest).as(where).isLessThan(TOLERANCE);
    }
  }

  private static Tensor part(long[][] ids, int start, int count) {
    return TestModels.tensor(cut(ids, start, count));
  }

  private static ModelInput input(long[][] ids, int start, int count) {
    return ModelInput.of(OPERATIONS, cut(ids, start, count));
  }

  private static long[][] cut(long[][] ids, int start, int count) {
    return Arrays.stream(ids)
        .map(row -> Arrays.copyOfRange(row, start, start + count))
        .toArray(long[][]::new);
  }
}
