package dev.smalldoge.model;

import static dev.smalldoge.model.FusedStepTest.error;
import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.Recompute;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.torch.Torch;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.Function;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A pass launched as one against the same kernels launched one by one. Needs a GPU. */
@Tag("gpu")
class FusedPassTest {
  private static final int ROWS = 3;
  private static final int VOCAB = 1_000;
  private static final int STEPS = 8;

  /** Kernels that also count hits, or compute again, may round a row's loss the other way. */
  private static final Percentage SAME = Percentage.withPercentage(1e-6);

  /** Figures and arrays of some steps, by name. */
  private record Trained(List<Double> figures, Map<String, float[]> arrays) {}

  /**
   * Nothing here depends on the order of the device's atomic additions: no id comes twice in a
   * batch, rows are as short as attention's tiles, and no sum of several heads begins above zero.
   */
  @Test
  void trainsBitForBitAsKernelsLaunchedOneByOne() {
    long seed = System.nanoTime();
    Trained plain = train(false, seed);
    assertSame(train(false, seed), plain, "one by one again, seed " + seed);
    assertSame(train(true, seed), plain, "as one, seed " + seed);
  }

  private static void assertSame(Trained found, Trained expected, String what) {
    assertThat(found.figures).as(what).isEqualTo(expected.figures);
    expected.arrays.forEach(
        (name, values) ->
            assertThat(found.arrays.get(name)).as("%s, %s", name, what).isEqualTo(values));
  }

  /** Steps of other ids, labels, documents, factors and rates. */
  private static Trained train(boolean record, long seed) {
    List<Double> figures = new ArrayList<>();
    Map<String, float[]> arrays = new LinkedHashMap<>();
    try (TensorScope all = new TensorScope();
        DogeForCausalLm model = model(config(0), seed)) { // A is 0, as in a new model
      model.recordPasses(record);
      model.measureAccuracy(true);
      Random random = new Random(seed);
      try (AdamW optimizer = new AdamW(model.weights(), AdamW.Settings.PRETRAINING)) {
        for (int step = 0; step < STEPS; step++) {
          try (TensorScope scope = new TensorScope()) {
            ModelInput input = input(model, step % 2 == 0 ? "PLAIN" : "DOCUMENTS", 64, random);
            long[] labels = input.inputIds().toLongs();
            labels[10 + step] = DogeForCausalLm.IGNORE_INDEX;
            Tensor wanted = model.operations().longs(labels, ROWS, 64);
            DogeForCausalLm.Loss loss = model.backward(input, wanted, 1e-3 * (1 + step / 3), 0);
            figures.add(loss.nats().item());
            figures.add(loss.hits().item());
            keep(model.weights().gradients(), "gradient of ", arrays);
            figures.add(optimizer.update(1e-3 * (1 + step)).item());
          }
        }
      }
      keep(model.weights().byName(), "", arrays);
      assertThat(model.isRecorded()).isEqualTo(record);
    }
    return new Trained(figures, arrays);
  }

  private static void keep(Map<String, Tensor> from, String prefix, Map<String, float[]> arrays) {
    from.forEach((name, array) -> arrays.put(prefix + name, array.toFloats()));
  }

  @ParameterizedTest
  @CsvSource({
    "PLAIN, NOTHING, 0",
    "DOCUMENTS, MLP, 0",
    "PADDED, LAYERS, 0",
    "DOCUMENTS, NOTHING, 16",
    "PLAIN, LAYERS, 16",
    "ANSWERS, NOTHING, 0",
    "ANSWERS, LAYERS, 16"
  })
  void givesTheGradientsOfKernelsLaunchedOneByOne(
      String kind, Recompute recompute, int expertsPerToken) {
    long seed = System.nanoTime();
    Consumer<DogeForCausalLm> prepare = model -> model.recompute(recompute);
    Trained plain = passes(config(expertsPerToken), prepare, false, kind, seed);
    Trained asOne = passes(config(expertsPerToken), prepare, true, kind, seed);
    // the same up to the order of atomic additions, as where activations are computed again
    assertThat(asOne.figures).as("seed %d", seed).isEqualTo(plain.figures);
    plain.arrays.forEach(
        (name, expected) ->
            assertThat(error(expected, asOne.arrays.get(name)))
                .as("%s, seed %d", name, seed)
                .isLessThan(expected.length < 8 ? 1e-2 : 2e-3));
  }

  /** Several passes of kinds that take turns; the losses, and the gradients of all. */
  private static Trained passes(
      ModelConfig config,
      Consumer<DogeForCausalLm> prepare,
      boolean record,
      String kind,
      long seed) {
    List<Double> losses = new ArrayList<>();
    Map<String, float[]> gradients = new LinkedHashMap<>();
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = model(config, on -> FusedStepTest.weights(config, on, seed))) {
      prepare.accept(model);
      model.recordPasses(record);
      Random random = new Random(seed);
      for (int pass = 0; pass < 6; pass++) {
        ModelInput input = input(model, pass == 4 ? "PLAIN" : kind, 320, random);
        losses.add(
            kind.equals("ANSWERS")
                ? FusedStepTest.answers(model, input)
                : model.backward(input, input.inputIds(), 1e-3, 0).nats().item());
      }
      assertThat(model.isRecorded()).isEqualTo(record);
      keep(model.weights().gradients(), "", gradients);
    }
    return new Trained(losses, gradients);
  }

  @Test
  void whatItWorksInIsNeverAnybodyElses() {
    long seed = System.nanoTime();
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = model(config(0), seed)) {
      ModelInput input = input(model, "DOCUMENTS", 320, new Random(seed));
      double expected = 0;
      for (int pass = 0; pass < 4; pass++) {
        expected = model.backward(input, input.inputIds(), 1e-3, 0).nats().item();
      }
      assertThat(model.isRecorded()).isTrue();
      long live = Tensor.live();
      for (int pass = 0; pass < 3; pass++) {
        Torch.emptyCache();
        try (TensorScope junk = new TensorScope()) {
          writeAllOver(model.operations());
          double found = model.backward(input, input.inputIds(), 1e-3, 0).nats().item();
          assertThat(found).as("seed %d", seed).isEqualTo(expected);
        }
      }
      assertThat(Tensor.live()).isEqualTo(live);
    }
  }

  @Test
  void passesOfSeveralShapesTakeTurns() {
    long seed = System.nanoTime();
    Map<String, float[]> expected = turns(false, seed);
    turns(true, seed)
        .forEach(
            (name, found) ->
                assertThat(error(expected.get(name), found))
                    .as("%s, seed %d", name, seed)
                    .isLessThan(expected.get(name).length < 8 ? 1e-2 : 2e-3));
  }

  /** The gradients of passes of three shapes, with scores of their inputs between them. */
  private static Map<String, float[]> turns(boolean record, long seed) {
    Map<String, float[]> gradients = new LinkedHashMap<>();
    ModelConfig config = config(0);
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = model(config, on -> FusedStepTest.weights(config, on, seed))) {
      model.recordPasses(record);
      Random random = new Random(seed);
      long live = 0;
      for (int turn = 0; turn < 5; turn++) {
        for (int length : new int[] {320, 64, 192}) {
          try (TensorScope pass = new TensorScope()) {
            ModelInput input = input(model, "DOCUMENTS", length, random);
            model.backward(input, input.inputIds(), 1e-3, 0);
            assertThat(model.isRecorded()).isEqualTo(record && turn > 1);
            model.loss(input, input.inputIds());
          }
        }
        if (turn == 3) {
          live = Tensor.live();
        }
      }
      assertThat(Tensor.live()).isEqualTo(live);
      keep(model.weights().gradients(), "", gradients);
    }
    return gradients;
  }

  /** Arrays of 0.5 to 32 MiB. */
  private static void writeAllOver(Operations operations) {
    for (int i = 0; i < 64; i++) {
      operations.normal(1e30, (i + 1L) << 17);
    }
  }

  @Test
  void whatItKeepsWhileTheCallerComputesALossIsNeverAnybodyElses() {
    long seed = System.nanoTime();
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = model(config(0), seed)) {
      ModelInput input = input(model, "DOCUMENTS", 64, new Random(seed));
      List<Tensor> gradients = List.copyOf(model.weights().gradients().values());
      float[] expected = {};
      for (int pass = 0; pass < 6; pass++) {
        boolean junk = pass > 3;
        model.operations().zero(gradients);
        model.backward(
            input,
            input.inputIds(),
            found -> {
              if (junk) {
                Torch.emptyCache();
                writeAllOver(model.operations());
              }
              return model.operations().copyOf(found);
            });
        float[] gradient = model.weights().gradients().get("model.norm.weight").toFloats();
        expected = pass == 0 ? gradient : expected;
        assertThat(error(expected, gradient)).as("pass %d, seed %d", pass, seed).isLessThan(1e-3);
      }
      assertThat(model.isRecorded()).isTrue();
    }
  }

  @Test
  void isRecordedAnewWhereSomethingThatItHoldsChanges() {
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = model(config(0), 5)) {
      ModelInput input = input(model, "PLAIN", 320, new Random(5));
      ModelInput shorter = input(model, "PLAIN", 64, new Random(6));
      double expected = recorded(model, input);
      model.measureAccuracy(true);
      model.backward(input, input.inputIds(), 1e-3, 0);
      assertThat(model.isRecorded()).isFalse();
      assertThat(recorded(model, input)).isCloseTo(expected, SAME);
      model.recompute(Recompute.LAYERS);
      assertThat(recorded(model, input)).isCloseTo(expected, SAME);
      model.backward(shorter, shorter.inputIds(), 1e-3, 0);
      assertThat(model.isRecorded()).isFalse();
      model.weights().train(name -> name.endsWith("proj.weight"));
      assertThat(recorded(model, input)).isCloseTo(expected, SAME);
      model.onLayerDone(layer -> {}); // somebody listens, so it is launched one by one
      assertThat(model.backward(input, input.inputIds(), 1e-3, 0).nats().item())
          .isCloseTo(expected, SAME);
    }
  }

  /** The loss of passes until they are launched as one. */
  private static double recorded(DogeForCausalLm model, ModelInput input) {
    double nats = 0;
    for (int pass = 0; pass < 4; pass++) {
      nats = model.backward(input, input.inputIds(), 1e-3, 0).nats().item();
    }
    assertThat(model.isRecorded()).isTrue();
    return nats;
  }

  private static ModelConfig config(int expertsPerToken) {
    ModelConfig config =
        ModelConfig.doge20M()
            .with(
                e -> {
                  e.vocabSize = VOCAB;
                  e.numHiddenLayers = 2;
                });
    return expertsPerToken == 0 ? config : config.withExperts(1_024, expertsPerToken);
  }

  private static DogeForCausalLm model(ModelConfig config, long seed) {
    return model(config, operations -> Weights.initialize(config, operations, seed));
  }

  private static DogeForCausalLm model(ModelConfig config, Function<Operations, Weights> weights) {
    Weights made = weights.apply(Operations.on(Device.gpu(0)));
    DogeForCausalLm model = new DogeForCausalLm(config, made, Precision.BFLOAT16);
    model.weights().train(name -> true);
    return model;
  }

  /** Rows of ids, none of which comes twice where they are fewer than the vocabulary. */
  private static ModelInput input(DogeForCausalLm model, String kind, int length, Random random) {
    List<Long> ids = new ArrayList<>();
    for (long id = 3; id < VOCAB; id++) {
      ids.add(id);
    }
    Collections.shuffle(ids, random);
    long[][] rows = new long[ROWS][length];
    long[][] mask = new long[ROWS][length];
    for (int at = 0; at < ROWS * length; at++) {
      rows[at / length][at % length] = ids.get(at % ids.size());
      boolean hole = at / length == 1 && at % length > 40 && at % length < 60;
      mask[at / length][at % length] = hole ? 0 : 1;
    }
    Operations operations = model.operations();
    if (kind.equals("PADDED")) {
      return ModelInput.padded(operations, rows, mask);
    }
    ModelInput plain = ModelInput.of(operations, rows);
    if (kind.equals("PLAIN")) {
      return plain;
    }
    int first = 1 + random.nextInt(length - 2);
    return ModelInput.packed(
        operations, plain.inputIds(), ROWS, length, 0, first, length, 2L * length, 3L * length);
  }
}
