package dev.smalldoge.bench;

import com.google.gson.Gson;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.World;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.Weights;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.optim.WarmupStableDecay;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.train.LanguageModelBatch;
import dev.smalldoge.train.MicroBatch;
import dev.smalldoge.train.NumberedBatches;
import dev.smalldoge.train.Ranks;
import dev.smalldoge.train.StepMetrics;
import dev.smalldoge.train.TrainingListener;
import dev.smalldoge.train.TrainingLoop;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Times the training loop itself, as one process or as a rank of several, on random tokens: rank 0
 * prints the tokens per second of all ranks together. Run it with one process and with several, and
 * the quotient of the rates over their number is the efficiency.
 */
public final class RanksBench {
  private RanksBench() {}

  /**
   * What is timed.
   *
   * @param device of this process
   * @param precision what is computed in
   * @param sizes names that {@link TrainBench} knows
   * @param microBatchSize sequences of a forward pass
   * @param sequenceLength tokens a sequence
   * @param accumulation forward passes of each rank before the gradients are summed
   * @param steps steps that are timed, after a quarter as many that are not
   */
  public record Plan(
      Device device,
      Precision precision,
      List<String> sizes,
      int microBatchSize,
      int sequenceLength,
      int accumulation,
      int steps) {}

  /** Runs a plan. */
  public static void run(Plan plan) {
    try (Ranks ranks = Ranks.open(World.ofEnvironment(), plan.device)) {
      System.out.printf(
          Locale.ROOT,
          "%-6s %9s %10s %12s %12s %10s%n",
          "size",
          "processes",
          "microBatch",
          "accumulation",
          "tokens/s",
          "ms/step");
      for (String size : plan.sizes) {
        report(plan, size, ranks.size(), time(plan, TrainBench.config(size), ranks));
      }
      ranks.finish();
    }
  }

  /** Nanoseconds of the timed steps. */
  private static long time(Plan plan, ModelConfig config, Ranks ranks) {
    Operations operations = Operations.on(plan.device);
    int unmeasured = Math.max(3, plan.steps / 4);
    int steps = unmeasured + plan.steps;
    List<Long> times = new ArrayList<>();
    TrainingListener clock =
        new TrainingListener() {
          @Override
          public void stepped(StepMetrics metrics) {
            times.add(System.nanoTime());
          }
        };
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model =
            new DogeForCausalLm(
                config, Weights.initialize(config, operations, 233), plan.precision)) {
      model.weights().train(name -> true);
      try (AdamW optimizer = new AdamW(model.weights(), AdamW.Settings.PRETRAINING)) {
        new TrainingLoop(
                model,
                optimizer,
                new WarmupStableDecay(1e-4, 0, steps, 0, 0),
                new NumberedBatches(
                    number -> randomTokens(plan, config.vocabSize(), operations, number)),
                new TrainingLoop.Settings(steps, plan.accumulation * ranks.size(), 0, 0, 233, 0),
                null,
                null,
                List.of(clock),
                ranks)
            .run();
      }
    }
    return times.get(steps - 1) - times.get(unmeasured - 1);
  }

  private static void report(Plan plan, String size, int processes, long nanoseconds) {
    double perStep = nanoseconds / 1e6 / plan.steps;
    double tokens =
        (double) plan.microBatchSize * plan.sequenceLength * plan.accumulation * processes;
    double rate = 1e3 * tokens / perStep;
    System.out.printf(
        Locale.ROOT,
        "%-6s %9d %10d %12d %,12.0f %10.2f%n",
        size,
        processes,
        plan.microBatchSize,
        plan.accumulation,
        rate,
        perStep);
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("bench", "ranks");
    row.put("size", size);
    row.put("processes", processes);
    row.put("device", plan.device.isGpu() ? "gpu" : "cpu");
    row.put("precision", plan.precision.toString());
    row.put("microBatchSize", plan.microBatchSize);
    row.put("sequenceLength", plan.sequenceLength);
    row.put("accumulation", plan.accumulation);
    row.put("tokensPerSecond", Math.round(rate));
    row.put("millisecondsPerStep", perStep);
    System.out.println(new Gson().toJson(row));
  }

  /** A micro-batch of random ids that follow from its number. */
  private static MicroBatch randomTokens(
      Plan plan, int vocabSize, Operations operations, long number) {
    int rows = plan.microBatchSize;
    int length = plan.sequenceLength;
    long[][] ids = TrainBench.randomTokens(number, rows, length, vocabSize);
    ModelInput input = ModelInput.of(operations, ids);
    return new LanguageModelBatch(
        input, operations.copyOf(input.inputIds()), (long) rows * (length - 1));
  }
}
