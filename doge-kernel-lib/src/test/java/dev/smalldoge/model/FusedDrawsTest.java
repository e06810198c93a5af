package dev.smalldoge.model;

import static dev.smalldoge.model.FusedDecoderTest.ENDLESS;
import static dev.smalldoge.model.FusedDecoderTest.VOCAB;
import static dev.smalldoge.model.FusedDecoderTest.config;
import static dev.smalldoge.model.FusedDecoderTest.first;
import static dev.smalldoge.model.FusedDecoderTest.model;
import static dev.smalldoge.model.FusedDecoderTest.part;
import static dev.smalldoge.model.FusedDecoderTest.write;
import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.model.TokenWriter.Ends;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.DecodeDraws.Draws;
import dev.smalldoge.torch.GenerationOperations.Choice;
import dev.smalldoge.torch.GenerationOperations.Chosen;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Texts that the device draws by itself. Needs a GPU. */
@Tag("gpu")
class FusedDrawsTest {
  @Test
  void drawsByTheNumbersAlone() {
    ModelConfig config = config(256, 512, 2, 1, 0);
    long seed = System.nanoTime();
    long[][] ids = TestModels.ids(config, 3, 5, seed);
    int[] padding = {0, 1, 0};
    try (DogeForCausalLm model = model(config, seed, Precision.BFLOAT16);
        TensorScope scope = new TensorScope()) {
      Draws free = draws(model, 3, 0, 1, new Random(seed)::nextFloat);
      long[][] first = write(model, ids, padding, ENDLESS, Optional.of(free));
      assertThat(write(model, ids, padding, ENDLESS, Optional.of(free))).isDeepEqualTo(first);
      Draws others = draws(model, 3, 0, 1, new Random(seed + 1)::nextFloat);
      assertThat(write(model, ids, padding, ENDLESS, Optional.of(others)))
          .isNotEqualTo(first); // 69 tokens of 1000 each

      long[][] likeliest = write(model, ids, padding, ENDLESS);
      Draws narrow = draws(model, 3, 1, 1, new Random(seed)::nextFloat);
      assertThat(write(model, ids, padding, ENDLESS, Optional.of(narrow))).isDeepEqualTo(likeliest);
      assertThat(write(model, ids, padding, ENDLESS)).isDeepEqualTo(likeliest);

      int end = (int) first[1][9];
      long[][] ended = write(model, ids, padding, new Ends(List.of(end), 2, 0), Optional.of(free));
      for (int row = 0; row < 3; row++) {
        int at = first(first[row], end);
        for (int t = 0; t < 24; t++) {
          assertThat(ended[row][t]).as("row %d, %d", row, t).isEqualTo(t <= at ? first[row][t] : 2);
        }
      }
    }
  }

  /** 64 rows of one text, whose numbers divide [0, 1) evenly. */
  @ParameterizedTest
  @CsvSource({"0.15, 8, 1", "0.15, 0, 0.9", "0.2, 20, 0.9"})
  void drawsInTheProportionsOfTheScripts(double temperature, int topK, double topP) {
    ModelConfig config = config(512, 1_024, 4, 2, 0);
    long seed = System.nanoTime();
    int rows = 64;
    long[][] ids = new long[rows][];
    Arrays.fill(ids, TestModels.ids(config, 1, 7, seed)[0]);
    try (DogeForCausalLm model = model(config, seed, Precision.BFLOAT16);
        TensorScope scope = new TensorScope()) {
      int[] number = new int[1];
      Draws even = draws(model, rows, topK, topP, () -> (number[0]++ % rows + 0.5f) / rows);
      even = new Draws(topK, temperature, topP, 0, even.noise());
      long[][] written = write(model, ids, new int[rows], ENDLESS, Optional.of(even));

      model.fuse(false);
      float[] logits;
      try (Decoder slow = model.newDecoder(1, 40)) {
        slow.read(part(model.operations(), new long[][] {ids[0]}, 0, 7));
        logits = slow.next(model.operations().longs(new long[] {written[0][0]}, 1, 1)).toFloats();
      }
      Map<Long, Double> share = new HashMap<>(); // of the scripts less ours
      for (int u = 0; u < 4_096; u++) {
        share.merge(
            scripted(model, logits, temperature, topK, topP, (u + 0.5f) / 4_096),
            1 / 4_096.0,
            Double::sum);
      }
      for (long[] row : written) {
        share.merge(row[1], -1.0 / rows, Double::sum);
      }
      double apart = share.values().stream().mapToDouble(Math::abs).sum() / 2;
      // half a row for each token that is kept, and bf16 logits rounded otherwise
      assertThat(apart).as("seed %d, %s", seed, share).isLessThan(0.15 + 0.5 * share.size() / rows);
    }
  }

  /** What the scripts draw from one row of logits. */
  private static long scripted(
      DogeForCausalLm model, float[] logits, double temperature, int topK, double topP, float u) {
    Operations operations = model.operations();
    try (TensorScope scope = new TensorScope()) {
      Tensor noise = operations.floats(new float[] {u}, 1, 1);
      Choice choice = new Choice(List.of(), List.of(noise), 2, topK, temperature, topP, 0, 1);
      Chosen chosen =
          new Chosen(
              operations.zeros(DType.INT64, 1, 1),
              operations.zeros(DType.BOOL, 1),
              operations.longs(new long[] {2}, 1));
      return operations
          .generation()
          .chooseTokens(operations.floats(logits, 1, VOCAB), choice, chosen, 0, true)
          .toLongs()[0];
    }
  }

  private static Draws draws(
      DogeForCausalLm model, int rows, int topK, double topP, Supplier<Float> numbers) {
    float[] noise = new float[24 * rows];
    for (int i = 0; i < noise.length; i++) {
      noise[i] = numbers.get();
    }
    return new Draws(topK, 1, topP, 0, model.operations().floats(noise, 24, rows));
  }
}
