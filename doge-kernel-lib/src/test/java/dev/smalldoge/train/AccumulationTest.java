package dev.smalldoge.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.Weights;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.optim.WarmupStableDecay;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.TensorScope;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;

/** Eight micro-batches of one row train as one of eight, though rows count different tokens. */
class AccumulationTest {
  private static final int STEPS = 50;

  @Test
  void eightOfOneEqualOneOfEight() {
    ModelConfig config = TinyRun.CONFIG.with(e -> e.hiddenDropout = 0);
    List<StepMetrics> accumulated = train(config, 1, 8);
    List<StepMetrics> whole = train(config, 8, 1);
    assertThat(accumulated).hasSize(STEPS);
    assertThat(accumulated).extracting(StepMetrics::countedTokens).isEqualTo(counts(whole));
    // The sums are the same but for the order of fp32 additions. Seen: loss (about 4 nats) 6e-8 at
    // most and 2e-8 in the mean, gradNorm (about 1) 1.2e-7 and 3e-8; other CPUs add in other
    // orders.
    expect("loss", accumulated, whole, StepMetrics::loss, 2e-6, 4e-7);
    expect("gradNorm", accumulated, whole, StepMetrics::gradNorm, 5e-6, 1e-6);
  }

  private static List<Long> counts(List<StepMetrics> steps) {
    return steps.stream().map(StepMetrics::countedTokens).toList();
  }

  private static void expect(
      String what,
      List<StepMetrics> one,
      List<StepMetrics> other,
      ToDoubleFunction<StepMetrics> figure,
      double most,
      double mean) {
    double worst = 0;
    double sum = 0;
    for (int step = 0; step < STEPS; step++) {
      double difference =
          Math.abs(figure.applyAsDouble(one.get(step)) - figure.applyAsDouble(other.get(step)));
      worst = Math.max(worst, difference);
      sum += difference;
    }
    assertThat(worst).as("%s, largest difference", what).isLessThanOrEqualTo(most);
    assertThat(sum / STEPS).as("%s, mean difference", what).isLessThanOrEqualTo(mean);
  }

  private static List<StepMetrics> train(ModelConfig config, int rows, int accumulation) {
    Operations operations = Operations.on(Device.CPU);
    List<StepMetrics> steps = new ArrayList<>();
    Weights weights = Weights.initialize(config, operations, 7);
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = new DogeForCausalLm(config, weights, Precision.FLOAT32)) {
      weights.train(name -> true);
      try (AdamW optimizer = new AdamW(weights, AdamW.Settings.PRETRAINING)) {
        new TrainingLoop(
                model,
                optimizer,
                new WarmupStableDecay(3e-3, 5, STEPS - 15, 10, 0),
                SeededBatches.of(config.vocabSize(), rows, 16),
                new TrainingLoop.Settings(STEPS, accumulation, 0, 0, 233, 0),
                null,
                null,
                List.of(
                    new TrainingListener() {
                      @Override
                      public void stepped(StepMetrics metrics) {
                        steps.add(metrics);
                      }
                    }))
            .run();
      }
    }
    return steps;
  }
}
