package dev.smalldoge.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.Weights;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** One batch of random tokens is learned by heart, and every parameter moves for it. */
class LearnsTest {
  private static final int STEPS = 150;
  private static final int ROWS = 4;
  private static final int LENGTH = 16;

  private final Operations operations = Operations.on(Device.CPU);

  static Stream<Arguments> models() {
    ModelConfig tiny = TinyRun.CONFIG.with(e -> e.hiddenDropout = 0);
    return Stream.of(
        Arguments.of("dense", tiny, Precision.FLOAT32),
        Arguments.of("dense, bf16", tiny, Precision.BFLOAT16),
        Arguments.of("window of 8 keys", tiny.withKeepWindowSize(8), Precision.FLOAT32),
        Arguments.of("experts", tiny.withExperts(16, 2), Precision.FLOAT32));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("models")
  void oneBatchIsLearnedByHeart(String name, ModelConfig config, Precision precision) {
    long[][] ids = new long[ROWS][LENGTH];
    SplittableRandom random = new SplittableRandom(5);
    for (long[] row : ids) {
      for (int t = 0; t < LENGTH; t++) {
        row[t] = t == 0 ? 3 + random.nextInt(4) : random.nextInt(3, config.vocabSize());
      }
      row[0] = 3 + (row[0] + row[1]) % 60; // so that rows differ from their first token on
    }
    Weights weights = Weights.initialize(config, operations, 7);
    try (DogeForCausalLm model = new DogeForCausalLm(config, weights, precision);
        TensorScope all = new TensorScope()) {
      weights.train(n -> true);
      Map<String, float[]> before = new HashMap<>();
      weights.byName().forEach((n, w) -> before.put(n, w.toFloats()));
      double loss = Double.NaN;
      try (AdamW optimizer = new AdamW(weights, AdamW.Settings.PRETRAINING)) {
        for (int step = 0; step < STEPS; step++) {
          try (TensorScope scope = new TensorScope();
              LanguageModelBatch batch = batch(ids)) {
            Tensor nats = batch.backward(model, batch.counted(), 1).loss();
            loss = nats.item() / batch.counted();
            optimizer.update(1e-2 * Math.min(1, (step + 1) / 10.0));
          }
        }
      }
      assertThat(loss).as("nats per token after %d steps", STEPS).isLessThan(0.1);
      weights
          .byName()
          .forEach((n, w) -> assertThat(w.toFloats()).as(n).isNotEqualTo(before.get(n)));
    }
  }

  private LanguageModelBatch batch(long[][] ids) {
    ModelInput input = ModelInput.of(operations, ids);
    return new LanguageModelBatch(
        input, operations.copyOf(input.inputIds()), (long) ROWS * (LENGTH - 1));
  }
}
