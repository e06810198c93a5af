package dev.smalldoge.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.model.TokenWriter.Ends;
import dev.smalldoge.torch.DecodeDraws.Draws;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.torch.TwinWeights;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The fused step against scripts in FLOAT32, on fresh random weights and ids. Needs a GPU. */
@Tag("gpu")
class FusedDecoderTest {
  static final int VOCAB = 1_000;
  static final Ends ENDLESS = new Ends(List.of(), 2, 0);

  @ParameterizedTest
  @CsvSource({
    // hidden, inner, heads, groups, rows, prompt, sliding window, tied
    "256, 512, 2, 1, 1, 7, 0, true",
    "512, 1024, 4, 2, 3, 40, 0, false",
    "1024, 2048, 8, 4, 2, 30, 16, false",
    "768, 1536, 6, 3, 9, 5, 0, true",
    "128, 320, 4, 2, 70, 6, 0, false",
    "256, 512, 4, 4, 33, 20, 0, true",
    "256, 512, 2, 1, 1, 900, 0, false", // many blocks share the keys
    "512, 1024, 8, 1, 2, 700, 600, true",
  })
  void logitsAreThoseOfFloat32UpToTheRoundingOfBf16(
      int hidden,
      int inner,
      int heads,
      int groups,
      int rows,
      int prompt,
      int window,
      boolean tied) {
    ModelConfig config =
        config(hidden, inner, heads, groups, window).with(e -> e.tieWordEmbeddings = tied);
    long seed = System.nanoTime();
    long[][] ids = TestModels.ids(config, rows, prompt + 6, seed);
    int[] padding = rows == 1 ? new int[0] : new int[rows];
    for (int row = 0; row < padding.length; row++) {
      padding[row] = row % 4;
    }
    double[] plain = new double[6];
    double[] fused = new double[6];
    try (DogeForCausalLm exact = model(config, seed, Precision.FLOAT32);
        DogeForCausalLm rounded = model(config, seed, Precision.BFLOAT16);
        Decoder truth = exact.newDecoder(rows, prompt + 6);
        Decoder quick = rounded.newDecoder(rows, prompt + 6)) {
      rounded.fuse(false);
      try (Decoder slow = rounded.newDecoder(rows, prompt + 6);
          TensorScope scope = new TensorScope()) {
        assertThat(truth).isInstanceOf(PlainDecoder.class);
        assertThat(slow).isInstanceOf(PlainDecoder.class);
        assertThat(quick).isInstanceOf(FusedDecoder.class);
        for (Decoder decoder : List.of(truth, slow, quick)) {
          decoder.read(part(exact.operations(), ids, 0, prompt), padding);
        }
        for (int t = 0; t < 6; t++) {
          Tensor token = part(exact.operations(), ids, prompt + t, 1);
          float[] expected = truth.next(token).toFloats();
          plain[t] = error(expected, slow.next(token).toFloats());
          fused[t] = error(expected, quick.next(token).toFloats());
        }
      }
    }
    for (int t = 0; t < 6; t++) {
      // The fused step rounds less often than the scripts do; errors of few rows scatter.
      assertThat(fused[t])
          .as("seed %d, plain %s, fused %s", seed, Arrays.toString(plain), Arrays.toString(fused))
          .isLessThan(1.5 * plain[t] + 2e-3);
    }
  }

  @ParameterizedTest
  @CsvSource({"256, 512, 2, 1, 1", "512, 1024, 4, 2, 5", "256, 512, 8, 4, 64"})
  void writesTheLikeliestTokens(int hidden, int inner, int heads, int groups, int rows) {
    ModelConfig config = config(hidden, inner, heads, groups, 0);
    long seed = System.nanoTime();
    long[][] ids = TestModels.ids(config, rows, 8, seed);
    int[] padding = new int[rows];
    padding[rows - 1] = rows > 1 ? 3 : 0;
    try (DogeForCausalLm model = model(config, seed, Precision.BFLOAT16);
        TensorScope scope = new TensorScope()) {
      long[][] first = write(model, ids, padding, ENDLESS);
      long[][] again = write(model, ids, padding, ENDLESS);
      assertThat(again).as("the graph of before, seed %d", seed).isDeepEqualTo(first);

      // The scripts, fed with what was written, find the same or a token as likely.
      model.fuse(false);
      try (Decoder slow = model.newDecoder(rows, 40)) {
        float[] logits = slow.read(part(model.operations(), ids, 0, 8), padding).toFloats();
        for (int t = 0; t < 24; t++) {
          for (int row = 0; row < rows; row++) {
            float[] own = Arrays.copyOfRange(logits, row * VOCAB, (row + 1) * VOCAB);
            // Both round to bf16; an error of a logit of 2 % of their spread is usual.
            assertThat(own[(int) first[row][t]])
                .as("seed %d, row %d, token %d", seed, row, t)
                .isGreaterThan(largest(own) - 0.15f * spread(own));
          }
          logits = slow.next(part(model.operations(), first, t, 1)).toFloats();
        }
      }
    }
  }

  @Test
  void aRowThatHasEndedWritesPaddingAndMayNotEndEarly() {
    ModelConfig config = config(256, 512, 2, 1, 0);
    long seed = System.nanoTime();
    long[][] ids = TestModels.ids(config, 3, 5, seed);
    int[] padding = {0, 1, 0};
    try (DogeForCausalLm model = model(config, seed, Precision.BFLOAT16);
        TensorScope scope = new TensorScope()) {
      long[][] free = write(model, ids, padding, ENDLESS);
      int end = (int) free[1][9];
      long[][] ended = write(model, ids, padding, new Ends(List.of(77, end), 2, 0));
      long[][] late = write(model, ids, padding, new Ends(List.of(end), 2, 12));
      for (int row = 0; row < 3; row++) {
        int at = first(free[row], end, 77);
        for (int t = 0; t < 24; t++) {
          assertThat(ended[row][t]).as("row %d, %d", row, t).isEqualTo(t <= at ? free[row][t] : 2);
        }
        // Column 0 is given, so it may be the end token.
        assertThat(first(late[row], end))
            .satisfiesAnyOf(
                found -> assertThat(found).isZero(), found -> assertThat(found).isGreaterThan(11));
      }
    }
  }

  static int first(long[] tokens, long... wanted) {
    for (int t = 0; t < tokens.length; t++) {
      long token = tokens[t];
      if (Arrays.stream(wanted).anyMatch(w -> w == token)) {
        return t;
      }
    }
    return tokens.length;
  }

  @Test
  void theNextDecoderTakesOverUnlessWeightsHaveChanged() {
    ModelConfig config = config(256, 512, 2, 1, 0);
    try (DogeForCausalLm model = model(config, 5, Precision.BFLOAT16)) {
      Decoder first = model.newDecoder(2, 40);
      Decoder meanwhile = model.newDecoder(2, 40);
      assertThat(meanwhile).isNotSameAs(first);
      meanwhile.close();
      first.close();
      Decoder second = model.newDecoder(2, 50);
      assertThat(second).isSameAs(first);
      second.close();
      try (Decoder wide = model.newDecoder(2, 2_049)) {
        assertThat(wide).isInstanceOf(PlainDecoder.class); // the dynamic mask drops keys there
      }
      Tensor gate = model.weights().get("model.layers.1.mlp.gate_proj.weight");
      try (Tensor fresh = model.operations().normal(0.5, gate.shape())) {
        model.operations().copyInto(gate, fresh);
      }
      Decoder third = model.newDecoder(2, 40);
      assertThat(third).isNotSameAs(first);
      third.close();
    }
  }

  @Test
  void goesOnByLogitsAfterItHasWritten() {
    ModelConfig config = config(256, 512, 2, 1, 0);
    long seed = System.nanoTime();
    long[][] ids = TestModels.ids(config, 2, 6, seed);
    int[] none = {};
    try (DogeForCausalLm model = model(config, seed, Precision.BFLOAT16);
        TensorScope scope = new TensorScope()) {
      Operations operations = model.operations();
      Tensor start = operations.longs(new long[] {9, 11}, 2, 1);
      float[] found;
      long[][] written;
      try (Decoder decoder = model.newDecoder(2, 40)) {
        decoder.read(part(operations, ids, 0, 6), none);
        TokenWriter writer = decoder.tokenWriter().orElseThrow();
        writer.begin(start, ENDLESS, Optional.empty());
        writer.write(5);
        written = writer.read();
        found = decoder.next(part(operations, written, 5, 1)).toFloats();
      }
      try (Decoder decoder = model.newDecoder(2, 40)) {
        decoder.read(part(operations, ids, 0, 6), none);
        for (int t = 0; t < 5; t++) {
          decoder.next(part(operations, written, t, 1));
        }
        float[] expected = decoder.next(part(operations, written, 5, 1)).toFloats();
        assertThat(found).isEqualTo(expected);
      }
    }
  }

  @Test
  void leavesNoTensorsOpen() {
    ModelConfig config = config(256, 512, 2, 1, 0);
    long[][] ids = TestModels.ids(config, 1, 6, 5);
    try (DogeForCausalLm model = model(config, 5, Precision.BFLOAT16)) {
      long before = Tensor.live();
      write(model, ids, new int[1], ENDLESS);
      model.newDecoder(2, 30).close(); // takes the place of the one that was kept
      long kept = Tensor.live();
      write(model, ids, new int[1], ENDLESS);
      model.newDecoder(2, 30).close();
      assertThat(Tensor.live()).isEqualTo(kept).isGreaterThan(before);
    }
  }

  /** 24 tokens after the prompts, in blocks of 8; the first follows from the prompts' logits. */
  static long[][] write(DogeForCausalLm model, long[][] ids, int[] padding, Ends ends) {
    return write(model, ids, padding, ends, Optional.empty());
  }

  static long[][] write(
      DogeForCausalLm model, long[][] ids, int[] padding, Ends ends, Optional<Draws> draws) {
    int rows = ids.length;
    long[][] all = new long[rows][0];
    try (TensorScope scope = new TensorScope();
        Decoder decoder = model.newDecoder(rows, ids[0].length + 24)) {
      int length = ids[0].length;
      float[] logits = decoder.read(part(model.operations(), ids, 0, length), padding).toFloats();
      long[] first = new long[rows];
      for (int row = 0; row < rows; row++) {
        float[] own = Arrays.copyOfRange(logits, row * VOCAB, (row + 1) * VOCAB);
        first[row] = likeliest(own);
      }
      TokenWriter writer = decoder.tokenWriter().orElseThrow();
      writer.begin(model.operations().longs(first, rows, 1), ends, draws);
      writer.write(7);
      for (int block = 0; block < 3; block++) {
        if (block < 2) {
          writer.write(8);
        }
        long[][] tokens = writer.read();
        for (int row = 0; row < rows; row++) {
          int before = all[row].length;
          all[row] = Arrays.copyOf(all[row], before + 8);
          System.arraycopy(tokens[row], 0, all[row], before, 8);
        }
      }
    }
    return all;
  }

  private static int likeliest(float[] logits) {
    int best = 0;
    for (int i = 0; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }

  private static float largest(float[] logits) {
    return logits[likeliest(logits)];
  }

  private static float spread(float[] logits) {
    double squares = 0;
    for (float logit : logits) {
      squares += (double) logit * logit;
    }
    return (float) Math.sqrt(squares / logits.length);
  }

  private static double error(float[] expected, float[] found) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow(expected[i] - (double) found[i], 2);
      size += Math.pow(expected[i], 2);
    }
    return Math.sqrt(difference / size);
  }

  /** With a head of its own: a head of random embeddings would only repeat the last token. */
  static ModelConfig config(int hidden, int inner, int heads, int groups, int window) {
    return ModelConfig.doge20M()
        .with(
            e -> {
              e.vocabSize = VOCAB;
              e.hiddenSize = hidden;
              e.intermediateSize = inner;
              e.numHiddenLayers = 2;
              e.numAttentionHeads = heads;
              e.numKeyValueHeads = groups;
              e.slidingWindow = window;
              e.tieWordEmbeddings = false;
            });
  }

  static DogeForCausalLm model(ModelConfig config, long seed, Precision precision) {
    Operations operations = Operations.on(Device.gpu(0));
    var arrays = TwinWeights.of(config, seed);
    Weights weights = Weights.of(config, operations, TwinWeights.tensors(arrays, operations));
    return new DogeForCausalLm(config, weights, precision);
  }

  static Tensor part(Operations operations, long[][] ids, int start, int count) {
    long[] flat = new long[ids.length * count];
    for (int row = 0; row < ids.length; row++) {
      System.arraycopy(ids[row], start, flat, row * count, count);
    }
    return operations.longs(flat, ids.length, count);
  }
}
