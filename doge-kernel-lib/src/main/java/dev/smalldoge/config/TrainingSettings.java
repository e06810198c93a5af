package dev.smalldoge.config;

import static dev.smalldoge.config.Checks.check;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * What pre-training, fine-tuning and preference optimisation have in common.
 *
 * @param sequenceLength tokens of one sequence
 * @param microBatchSize sequences per forward pass
 * @param gradientAccumulationSteps forward passes per update
 * @param maxSteps updates of the whole run; 0 if {@code numTrainEpochs} says it
 * @param numTrainEpochs passes over the data; 0 if {@code maxSteps} says it
 * @param learningRate the schedule's peak
 * @param schedule the schedule's form
 * @param adamBeta1 decay of the gradient's mean, in [0, 1)
 * @param adamBeta2 decay of the squared gradient's mean, in [0, 1)
 * @param adamEpsilon added to the root of the second moment
 * @param weightDecay decay per update as a fraction of the learning rate
 * @param maxGradNorm largest global gradient norm
 * @param seed seed of initial weights, shuffling and dropout
 * @param evalEverySteps updates between evaluations; 0 for none
 * @param saveEverySteps updates between checkpoints
 * @param logEverySteps updates between lines of the log
 * @param keepLastCheckpoints checkpoints that stay; 0 for all
 * @param precision the type of the arithmetic; weights and moments are fp32 either way
 * @param recompute which activations are computed again in the backward pass, to save memory
 */
public record TrainingSettings(
    int sequenceLength,
    int microBatchSize,
    int gradientAccumulationSteps,
    int maxSteps,
    double numTrainEpochs,
    double learningRate,
    ScheduleSettings schedule,
    double adamBeta1,
    double adamBeta2,
    double adamEpsilon,
    double weightDecay,
    double maxGradNorm,
    long seed,
    int evalEverySteps,
    int saveEverySteps,
    int logEverySteps,
    int keepLastCheckpoints,
    Precision precision,
    Recompute recompute) {
  /** The type of the arithmetic. */
  public enum Precision {
    /** 16 bits with the range of fp32. */
    BF16,
    /** 32 bits. */
    FP32
  }

  /** Checks the ranges. */
  public TrainingSettings {
    positive("sequence_length", sequenceLength, 2_048);
    positive("micro_batch_size", microBatchSize, 1);
    positive("gradient_accumulation_steps", gradientAccumulationSteps, 1);
    check(
        (maxSteps > 0) != (numTrainEpochs > 0),
        "max_steps is %d and num_train_epochs %s; give exactly one of them",
        maxSteps,
        numTrainEpochs);
    check(
        learningRate > 0 && learningRate < 1,
        "learning_rate %s is outside (0, 1); use 8e-3 to pre-train, 8e-4 to fine-tune",
        learningRate);
    check(adamBeta1 >= 0 && adamBeta1 < 1, "adam_beta1 %s is outside [0, 1)", adamBeta1);
    check(adamBeta2 >= 0 && adamBeta2 < 1, "adam_beta2 %s is outside [0, 1)", adamBeta2);
    check(adamEpsilon > 0, "adam_epsilon %s is not positive; use 1e-8", adamEpsilon);
    check(weightDecay >= 0, "weight_decay %s is negative; use 0.01", weightDecay);
    check(maxGradNorm > 0, "max_grad_norm %s is not positive; use 1.0", maxGradNorm);
    check(evalEverySteps >= 0, "eval_every_steps %d is negative; use 0 for none", evalEverySteps);
    positive("save_every_steps", saveEverySteps, 100);
    positive("log_every_steps", logEverySteps, 1);
    check(
        keepLastCheckpoints >= 0,
        "keep_last_checkpoints %d is negative; use 0 for all",
        keepLastCheckpoints);
    if (maxSteps > 0) {
      schedule.requireFits(maxSteps);
    }
  }

  private static void positive(String name, int value, int use) {
    check(value > 0, "%s %d is not positive; use %d", name, value, use);
  }

  /** The keys that {@link #read} knows. */
  static final Set<String> KEYS =
      Set.of(
          "sequence_length",
          "micro_batch_size",
          "gradient_accumulation_steps",
          "max_steps",
          "num_train_epochs",
          "learning_rate",
          "schedule",
          "adam_beta1",
          "adam_beta2",
          "adam_epsilon",
          "weight_decay",
          "max_grad_norm",
          "seed",
          "eval_every_steps",
          "save_every_steps",
          "log_every_steps",
          "keep_last_checkpoints",
          "precision",
          "recompute");

  /** Reads a recipe's keys; those without a default must be there. */
  static TrainingSettings read(Fields f) {
    f.require("sequence_length", "gradient_accumulation_steps", "learning_rate", "schedule");
    return new TrainingSettings(
        f.integer("sequence_length", 0),
        f.integer("micro_batch_size", 1),
        f.integer("gradient_accumulation_steps", 0),
        f.integer("max_steps", 0),
        f.number("num_train_epochs", 0),
        f.number("learning_rate", 0),
        ScheduleSettings.read(f.map("schedule")),
        f.number("adam_beta1", 0.9),
        f.number("adam_beta2", 0.95),
        f.number("adam_epsilon", 1e-8),
        f.number("weight_decay", 0.01),
        f.number("max_grad_norm", 1),
        f.whole("seed", 233),
        f.integer("eval_every_steps", 100),
        f.integer("save_every_steps", 100),
        f.integer("log_every_steps", 1),
        f.integer("keep_last_checkpoints", 3),
        f.choice("precision", Precision.class, Precision.BF16),
        f.has("recompute") ? Recompute.named(f.where(), f.raw("recompute")) : Recompute.NOTHING);
  }

  Map<String, Object> keys() {
    Map<String, Object> keys = new LinkedHashMap<>();
    keys.put("sequence_length", sequenceLength);
    keys.put("micro_batch_size", microBatchSize);
    keys.put("gradient_accumulation_steps", gradientAccumulationSteps);
    if (maxSteps > 0) {
      keys.put("max_steps", maxSteps);
    } else {
      keys.put("num_train_epochs", numTrainEpochs);
    }
    keys.put("learning_rate", learningRate);
    keys.put("schedule", schedule.keys());
    keys.put("adam_beta1", adamBeta1);
    keys.put("adam_beta2", adamBeta2);
    keys.put("adam_epsilon", adamEpsilon);
    keys.put("weight_decay", weightDecay);
    keys.put("max_grad_norm", maxGradNorm);
    keys.put("seed", seed);
    keys.put("eval_every_steps", evalEverySteps);
    keys.put("save_every_steps", saveEverySteps);
    keys.put("log_every_steps", logEverySteps);
    keys.put("keep_last_checkpoints", keepLastCheckpoints);
    keys.put("precision", precision.name().toLowerCase(Locale.ROOT));
    keys.put("recompute", recompute.written());
    return keys;
  }

  /**
   * Updates of the whole run.
   *
   * @param sequences sequences of one epoch; read where {@code numTrainEpochs} says the length
   */
  public int steps(long sequences) {
    return steps(maxSteps, numTrainEpochs, sequences, sequencesPerStep());
  }

  /**
   * Updates of a run: {@code maxSteps} where that is above 0, else as many as make {@code epochs}
   * passes over {@code sequences}, at least one.
   *
   * @param sequencesPerStep sequences of one update
   */
  public static int steps(int maxSteps, double epochs, long sequences, long sequencesPerStep) {
    return maxSteps > 0
        ? maxSteps
        : Math.toIntExact(Math.max(1, Math.round(epochs * sequences / sequencesPerStep)));
  }

  /** Sequences per update. */
  public long sequencesPerStep() {
    return (long) microBatchSize * gradientAccumulationSteps;
  }

  /** Tokens per update, if every sequence is full. */
  public long tokensPerStep() {
    return sequencesPerStep() * sequenceLength;
  }
}
