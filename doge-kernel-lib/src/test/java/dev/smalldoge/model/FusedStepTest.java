package dev.smalldoge.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.Recompute;
import dev.smalldoge.io.WeightNames;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The fused step against the recorded one in FLOAT32, every gradient by name, on fresh random
 * weights and ids. Needs a GPU.
 */
@Tag("gpu")
class FusedStepTest {
  private static final int ROWS = 3;
  private static final int LENGTH = 320;
  private static final int SEEDS = 5;

  /** Loss and gradients of one backward pass. */
  private record Step(double nats, double aux, Map<String, float[]> gradients) {}

  @ParameterizedTest
  @CsvSource({
    "256, 512, 2, 1, 0, PLAIN",
    "512, 1024, 4, 2, 0, DOCUMENTS",
    "768, 1536, 6, 3, 0, PADDED",
    "1024, 2048, 8, 4, 0, PLAIN",
    "256, 512, 2, 1, 16, PLAIN",
    "512, 1024, 4, 2, 8, PADDED",
    "512, 1024, 4, 2, 0, ANSWERS",
    "256, 512, 2, 1, 16, ANSWERS"
  })
  void agreesWithTheRecordedStepInFloat32(
      int hidden, int inner, int heads, int groups, int expertsPerToken, String kind) {
    ModelConfig config = config(hidden, inner, heads, groups, expertsPerToken);
    long seed = System.nanoTime();
    Map<String, List<Errors>> errors = new TreeMap<>();
    for (int i = 0; i < SEEDS; i++) {
      compare(config, kind, seed + i, errors);
    }
    // The fused step rounds less often than the recorded one. About one seed in ten has a token
    // whose norm magnifies rounding, and there either is the better one, by up to 3.3 as seen.
    errors.forEach(
        (name, each) -> {
          double[] parts = partsOfTheRecorded(each);
          assertThat(parts).as("%s, seed %d", name, seed).matches(p -> p[SEEDS - 1] < 5);
          assertThat(parts[SEEDS / 2]).as("%s, seed %d, median", name, seed).isLessThan(1.5);
        });
  }

  /** Norms of a gradient, and of what it is off by in the fused and in the recorded step. */
  private record Errors(double size, int length, double fused, double recorded) {}

  /** The fused errors over the recorded ones, rising. */
  private static double[] partsOfTheRecorded(List<Errors> seeds) {
    double squares = seeds.stream().mapToDouble(e -> e.size * e.size).sum();
    double usual = Math.sqrt(squares / seeds.size());
    return seeds.stream()
        .mapToDouble(
            e -> {
              // A of few heads is a handful of sums over all tokens whose terms cancel: by chance
              // one path's error is nearly 0, or the sum itself is.
              double slack = e.length < 8 ? 0.1 * Math.max(e.size, usual) : 3e-3 * e.size;
              return e.fused / (e.recorded + slack);
            })
        .sorted()
        .toArray();
  }

  private static void compare(
      ModelConfig config, String kind, long seed, Map<String, List<Errors>> errors) {
    Step exact = step(config, Precision.FLOAT32, model -> model.fuse(false), kind, seed);
    Step recorded = step(config, Precision.BFLOAT16, model -> model.fuse(false), kind, seed);
    Step fused = step(config, Precision.BFLOAT16, model -> model.fuse(true), kind, seed);
    assertThat(Math.abs(fused.nats / exact.nats - 1)).as("loss, seed %d", seed).isLessThan(1e-3);
    assertThat(Math.abs(fused.aux / exact.aux - 1)).as("aux, seed %d", seed).isLessThan(1e-2);
    exact.gradients.forEach(
        (name, expected) -> {
          double size = size(expected);
          double fusedError = size * error(expected, fused.gradients.get(name));
          double recordedError = size * error(expected, recorded.gradients.get(name));
          errors
              .computeIfAbsent(name, n -> new ArrayList<>())
              .add(new Errors(size, expected.length, fusedError, recordedError));
        });
  }

  @ParameterizedTest
  @CsvSource({"MLP, 0", "LAYERS, 0", "MLP, 16", "LAYERS, 16"})
  void computesTheSameAgain(Recompute recompute, int expertsPerToken) {
    ModelConfig config = config(256, 512, 2, 1, expertsPerToken);
    long seed = System.nanoTime();
    Step kept = step(config, Precision.BFLOAT16, model -> {}, "PLAIN", seed);
    Step again =
        step(config, Precision.BFLOAT16, model -> model.recompute(recompute), "PLAIN", seed);
    assertThat(again.nats).as("seed %d", seed).isEqualTo(kept.nats);
    // sums in the order in which the device's atomic additions came, fp32 and in attention bf16
    kept.gradients.forEach(
        (name, expected) ->
            assertThat(error(expected, again.gradients.get(name)))
                .as("%s, seed %d", name, seed)
                .isLessThan(expected.length < 8 ? 1e-2 : 2e-3));
  }

  @Test
  void countsTheTokensThatTheModelFindsLikeliest() {
    ModelConfig config = config(256, 512, 2, 1, 0);
    Operations operations = Operations.on(Device.gpu(0));
    long seed = System.nanoTime();
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model =
            new DogeForCausalLm(config, weights(config, operations, seed), Precision.BFLOAT16)) {
      ModelInput input = input(config, operations, "PLAIN", seed);
      // labels that the model finds likeliest itself, but for every third
      float[] logits = operations.cast(model.logits(input), DType.FLOAT32).toFloats();
      long[] labels = input.inputIds().toLongs();
      double expected = 0;
      for (int at = 1; at < labels.length; at++) {
        if (at % LENGTH > 0 && at % 3 > 0) {
          labels[at] = likeliest(logits, (at - 1) * config.vocabSize(), config.vocabSize());
          expected++;
        }
      }
      model.weights().train(name -> true);
      Tensor wanted = operations.longs(labels, ROWS, LENGTH);
      assertThat(model.backward(input, wanted, 1e-3, 0).hits()).isNull();
      model.measureAccuracy(true);
      double hits = model.backward(input, wanted, 1e-3, 0).hits().item();
      // the scripts' logits are rounded otherwise, which decides where two are nearly equal
      assertThat(hits).as("seed %d", seed).isCloseTo(expected, withinPercentage(6));
    }
  }

  @ParameterizedTest
  @CsvSource({"PLAIN, 0, false", "DOCUMENTS, 0, true", "PADDED, 16, false", "PLAIN, 8, true"})
  void scoresAsTheScriptsDo(String kind, int expertsPerToken, boolean trains) {
    ModelConfig config = config(512, 1024, 4, 2, expertsPerToken);
    long seed = System.nanoTime();
    Scores exact = scores(config, Precision.FLOAT32, kind, trains, seed).get(0);
    // the first time by the scripts, then in the fused kernels, then recorded
    for (Scores found : scores(config, Precision.BFLOAT16, kind, trains, seed)) {
      assertThat(Math.abs(found.nats / exact.nats - 1)).as("seed %d", seed).isLessThan(1e-3);
      assertThat(error(exact.each, found.each)).as("seed %d", seed).isLessThan(1e-2);
      assertThat(found.hits).as("seed %d", seed).isCloseTo(exact.hits, within(8.0));
    }
  }

  /** What a model finds of its own input. */
  private static final class Scores {
    final double nats;
    final double hits;
    final float[] each;

    Scores(DogeForCausalLm.Loss loss, Tensor logProbabilities) {
      this.nats = loss.nats().item();
      this.hits = loss.hits().item();
      this.each = logProbabilities.toFloats();
    }
  }

  private static List<Scores> scores(
      ModelConfig config, Precision precision, String kind, boolean trains, long seed) {
    Operations operations = Operations.on(Device.gpu(0));
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model =
            new DogeForCausalLm(config, weights(config, operations, seed), precision)) {
      model.weights().train(name -> trains);
      ModelInput input = input(config, operations, kind, seed);
      List<Scores> found = new ArrayList<>();
      List<DogeForCausalLm.Loss> losses = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        losses.add(model.measure(input, input.inputIds()));
      }
      for (DogeForCausalLm.Loss loss : losses) {
        found.add(new Scores(loss, model.logProbabilities(input, input.inputIds())));
      }
      return found;
    }
  }

  private static int likeliest(float[] logits, int start, int vocab) {
    int best = start;
    for (int at = start; at < start + vocab; at++) {
      best = logits[at] > logits[best] ? at : best;
    }
    return best - start;
  }

  @Test
  void trainsSomeWeightsAlone() {
    ModelConfig config = config(256, 512, 2, 1, 16);
    long seed = System.nanoTime();
    Step all = step(config, Precision.BFLOAT16, model -> {}, "PLAIN", seed);
    Step some =
        step(
            config,
            Precision.BFLOAT16,
            model -> model.weights().train(WeightNames::isExpert),
            "PLAIN",
            seed);
    assertThat(some.gradients.keySet()).isNotEmpty().allMatch(WeightNames::isExpert);
    some.gradients.forEach(
        (name, found) ->
            assertThat(error(all.gradients.get(name), found))
                .as("%s, seed %d", name, seed)
                .isLessThan(2e-3));
  }

  private static ModelConfig config(
      int hidden, int inner, int heads, int groups, int expertsPerToken) {
    ModelConfig config =
        ModelConfig.doge20M()
            .with(
                e -> {
                  e.vocabSize = 1_000;
                  e.hiddenSize = hidden;
                  e.intermediateSize = inner;
                  e.numHiddenLayers = 2;
                  e.numAttentionHeads = heads;
                  e.numKeyValueHeads = groups;
                });
    return expertsPerToken == 0 ? config : config.withExperts(1_024, expertsPerToken);
  }

  private static Step step(
      ModelConfig config,
      Precision precision,
      Consumer<DogeForCausalLm> prepare,
      String kind,
      long seed) {
    Operations operations = Operations.on(Device.gpu(0));
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model =
            new DogeForCausalLm(config, weights(config, operations, seed), precision)) {
      model.weights().train(name -> true);
      prepare.accept(model);
      ModelInput input = input(config, operations, kind, seed);
      double nats = 0;
      double aux = 1;
      for (int i = 0; i < 2; i++) { // twice, so that adding to what is there is tested too
        if (kind.equals("ANSWERS")) {
          nats = answers(model, input);
          continue;
        }
        DogeForCausalLm.Loss loss = model.backward(input, input.inputIds(), 1e-3, 0.1);
        nats = loss.nats().item();
        aux = config.isMoe() ? loss.auxLoss().item() : 1;
      }
      Map<String, float[]> gradients = new LinkedHashMap<>();
      model.weights().gradients().forEach((name, g) -> gradients.put(name, g.toFloats()));
      return new Step(nats, aux, gradients);
    }
  }

  /** Goes through a loss that wants some tokens likelier and others less; minus their sum. */
  static double answers(DogeForCausalLm model, ModelInput input) {
    double[] nats = new double[1];
    model.backward(
        input,
        input.inputIds(),
        found -> {
          float[] values = found.toFloats();
          for (int i = 0; i < values.length; i++) {
            nats[0] -= values[i];
            values[i] = (float) Math.exp(values[i] / 8) * (i % 3 == 0 ? 1e-3f : -1e-3f);
          }
          return model.operations().floats(values, values.length);
        });
    return nats[0];
  }

  /**
   * Weights in which every part matters: norms and residuals around 1, A and dt_proj away from 0.
   */
  static Weights weights(ModelConfig config, Operations operations, long seed) {
    Weights weights = Weights.initialize(config, operations, seed);
    Random random = new Random(seed);
    weights
        .byName()
        .forEach(
            (name, weight) -> {
              boolean near1 = name.endsWith("norm.weight") || name.endsWith("_residual");
              float[] values = weight.toFloats();
              for (int i = 0; i < values.length; i++) {
                if (near1) {
                  values[i] = 1 + 0.3f * (float) random.nextGaussian();
                } else if (name.endsWith(".A")) {
                  values[i] = 0.5f * (float) random.nextGaussian();
                } else if (name.endsWith("dt_proj.weight")) {
                  values[i] = 0.05f * (float) random.nextGaussian();
                } else {
                  values[i] *= 2;
                }
              }
              operations.copyInto(weight, operations.floats(values, weight.shape()));
            });
    return weights;
  }

  private static ModelInput input(
      ModelConfig config, Operations operations, String kind, long seed) {
    Random random = new Random(seed + 1);
    long[][] ids = new long[ROWS][LENGTH];
    for (long[] row : ids) {
      for (int i = 0; i < LENGTH; i++) {
        row[i] = 3L + random.nextInt(config.vocabSize() - 3);
      }
    }
    if (kind.equals("PADDED")) {
      long[][] mask = new long[ROWS][LENGTH];
      for (int row = 0; row < ROWS; row++) {
        for (int i = 0; i < LENGTH; i++) {
          boolean hole = row == 1 && i > 40 && i < 60; // padding inside a row hides keys
          mask[row][i] = hole ? 0 : 1;
        }
      }
      return ModelInput.padded(operations, ids, mask);
    }
    ModelInput plain = ModelInput.of(operations, ids);
    if (!kind.equals("DOCUMENTS")) {
      return plain;
    }
    return ModelInput.packed(
        operations, plain.inputIds(), ROWS, LENGTH, 0, 7, 100, 101, 320, 500, 640, 700, 702, 960);
  }

  /** Relative, in the norm of the whole array. */
  static double error(float[] expected, float[] found) {
    double difference = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow(expected[i] - (double) found[i], 2);
    }
    return Math.sqrt(difference) / size(expected);
  }

  private static double size(float... values) {
    double squares = 0;
    for (float value : values) {
      squares += (double) value * value;
    }
    return Math.sqrt(squares);
  }
}
