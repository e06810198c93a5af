package dev.smalldoge.bench;

import com.google.gson.Gson;
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
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Times steps of pre-training, fine-tuning and preference optimisation of equal models on rows of
 * one shape, and a reference model's scores of them: tokens per second of each, and its part of the
 * first. The stages take turns, so that what else the machine does falls on all of them; the median
 * step counts.
 */
public final class TuningBench {
  private static final int WARM_UP = 4;

  private TuningBench() {}

  /**
   * What is timed.
   *
   * @param sizes as {@link TrainBench.Plan#sizes}
   * @param rows sequences of a step; half of them are the pairs of preference optimisation
   * @param length tokens a sequence
   * @param learnedShare part of each sequence that is an answer; the rest is a prompt
   * @param steps of each stage that are timed
   */
  public record Plan(
      Device device,
      Precision precision,
      List<String> sizes,
      int rows,
      int length,
      double learnedShare,
      int steps) {}

  private enum Stage {
    PRETRAIN,
    SFT,
    DPO,
    SCORES
  }

  /** Runs a plan. */
  public static void run(Plan plan) {
    System.out.printf(
        Locale.ROOT, "%-8s %-9s %12s %10s %12s%n", "size", "stage", "tokens/s", "ms/step", "part");
    for (String size : plan.sizes) {
      try (Training pretraining = new Training(plan, size, Stage.PRETRAIN);
          Training sft = new Training(plan, size, Stage.SFT);
          Training dpo = new Training(plan, size, Stage.DPO);
          Training scores = new Training(plan, size, Stage.SCORES)) {
        time(plan, size, List.of(pretraining, sft, dpo, scores));
      }
    }
  }

  /** A model of its own for each stage, so that what it has recorded stays while others run. */
  private static final class Training implements AutoCloseable {
    final Stage stage;
    final DogeForCausalLm model;
    final Optional<AdamW> optimizer;

    Training(Plan plan, String size, Stage stage) {
      this.stage = stage;
      ModelConfig config = TrainBench.config(size);
      Weights weights = Weights.initialize(config, Operations.on(plan.device), 233);
      weights.train(name -> stage != Stage.SCORES);
      this.model = new DogeForCausalLm(config, weights, plan.precision);
      this.optimizer =
          stage == Stage.SCORES
              ? Optional.empty()
              : Optional.of(new AdamW(weights, AdamW.Settings.FINE_TUNING));
    }

    @Override
    public void close() {
      optimizer.ifPresent(AdamW::close);
      model.close();
    }
  }

  private static void time(Plan plan, String size, List<Training> trainings) {
    Map<Stage, double[]> seconds = new EnumMap<>(Stage.class);
    for (Stage stage : Stage.values()) {
      seconds.put(stage, new double[plan.steps]);
    }
    for (int step = -WARM_UP; step < plan.steps; step++) {
      for (Training training : trainings) {
        long began = System.nanoTime();
        step(plan, training);
        if (step >= 0) {
          seconds.get(training.stage)[step] = (System.nanoTime() - began) / 1e9;
        }
      }
    }
    double tokens = (double) plan.rows * plan.length;
    double first = median(seconds.get(Stage.PRETRAIN));
    for (Stage stage : Stage.values()) {
      report(plan, size, stage, tokens, median(seconds.get(stage)), first);
    }
  }

  private static double median(double... values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  private static void step(Plan plan, Training training) {
    DogeForCausalLm model = training.model;
    Stage stage = training.stage;
    Operations operations = model.operations();
    try (TensorScope scope = new TensorScope()) {
      long[][] ids =
          TrainBench.randomTokens(233, plan.rows, plan.length, model.config().vocabSize());
      ModelInput input = ModelInput.of(operations, ids);
      model.measureAccuracy(stage == Stage.SFT); // as the stages do
      Tensor labels = stage == Stage.PRETRAIN ? input.inputIds() : answers(plan, operations, ids);
      if (stage == Stage.SCORES) {
        model.logProbabilities(input, labels).toBytes(); // waits for the device
      } else if (stage == Stage.DPO) {
        model.backward(input, labels, found -> preferences(plan, operations, found));
      } else {
        double counted = stage == Stage.SFT ? plan.learnedShare : 1;
        model.backward(input, labels, 1 / (counted * plan.rows * plan.length), 0);
      }
      training.optimizer.ifPresent(optimizer -> optimizer.update(1e-5).item()); // waits too
    }
  }

  /** Labels of the answers alone. */
  private static Tensor answers(Plan plan, Operations operations, long[][] ids) {
    int prompt = (int) Math.round((1 - plan.learnedShare) * plan.length);
    long[] labels = new long[plan.rows * plan.length];
    for (int row = 0; row < plan.rows; row++) {
      int at = row * plan.length;
      System.arraycopy(ids[row], 0, labels, at, plan.length);
      Arrays.fill(labels, at, at + prompt, DogeForCausalLm.IGNORE_INDEX);
    }
    return operations.longs(labels, plan.rows, plan.length);
  }

  private static Tensor preferences(Plan plan, Operations operations, Tensor found) {
    double[] lengths = new double[plan.rows];
    Arrays.fill(lengths, plan.learnedShare * plan.length);
    return operations.fineTuning()
        .preferenceLoss(
            found,
            operations.doubles(new double[plan.rows], plan.rows),
            operations.doubles(lengths, plan.rows),
            0.1,
            0,
            false,
            2.0 / plan.rows)[0];
  }

  private static void report(
      Plan plan, String size, Stage stage, double tokens, double seconds, double first) {
    String name = stage.name().toLowerCase(Locale.ROOT);
    System.out.printf(
        Locale.ROOT,
        "%-8s %-9s %,12.0f %10.2f %12.3f%n",
        size,
        name,
        tokens / seconds,
        1e3 * seconds,
        first / seconds);
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("bench", "tuning");
    row.put("size", size);
    row.put("stage", name);
    row.put("device", plan.device.toString());
    row.put("precision", plan.precision.toString());
    row.put("rows", plan.rows);
    row.put("sequenceLength", plan.length);
    row.put("learnedShare", plan.learnedShare);
    row.put("tokensPerSecond", Math.round(tokens / seconds));
    row.put("millisecondsPerStep", 1e3 * seconds);
    row.put("partOfPretraining", first / seconds);
    System.out.println(new Gson().toJson(row));
  }
}
