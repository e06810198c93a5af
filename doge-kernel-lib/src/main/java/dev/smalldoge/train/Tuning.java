package dev.smalldoge.train;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.LoraSettings;
import dev.smalldoge.config.ScheduleSettings;
import dev.smalldoge.config.TrainingSettings;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.LoraAdapter;
import dev.smalldoge.model.LoraFiles;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.optim.AdapterOptimizer;
import dev.smalldoge.optim.LearningRateSchedule;
import dev.smalldoge.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What fine-tuning and preference optimisation have in common: a model to start from, which stays
 * as it is, and how to train a copy of it, whole or by adapters.
 *
 * <p>Defaults are those of the instruct recipes: two epochs, 128 micro-batches of one, a cosine
 * with a tenth of warm-up that ends at a tenth.
 *
 * @param <S> the stage itself, which every option returns
 */
public abstract class Tuning<S extends Tuning<S>> extends StageOptions<S> {
  /** Folder of a run, and of each of its checkpoints, that holds the adapter by itself. */
  public static final String ADAPTER = "adapter";

  private static final ScheduleSettings COSINE =
      new ScheduleSettings(
          ScheduleSettings.Kind.COSINE_WITH_MINIMUM,
          0,
          0.1,
          0,
          0,
          0.1,
          dev.smalldoge.config.RampShape.LINEAR,
          dev.smalldoge.config.RampShape.LINEAR);

  private double learningRate;
  private ScheduleSettings schedule = COSINE;
  private double epochs = 2;
  private int maxSteps;
  private LoraSettings lora;
  private String startName = "";
  private LoraAdapter adapter;

  /** A stage with its own default of title, folder and peak learning rate. */
  protected Tuning(String title, String folder, double learningRate) {
    super(title, folder, AdamW.Settings.FINE_TUNING, 128);
    this.learningRate = learningRate;
  }

  /** The schedule's peak. */
  public S learningRate(double peak) {
    learningRate = peak;
    return self();
  }

  /** The schedule's form. */
  public S schedule(ScheduleSettings form) {
    schedule = form;
    return self();
  }

  /** Passes over the data; the number of updates follows. */
  public S epochs(double passes) {
    check(passes > 0, "epochs %s is not positive; use 2", passes);
    epochs = passes;
    maxSteps = 0;
    return self();
  }

  /** Updates of the whole run, in place of {@link #epochs}. */
  public S maxSteps(long updates) {
    check(updates > 0, "maxSteps %d is not positive; give at least 1", updates);
    maxSteps = Math.toIntExact(updates);
    return self();
  }

  /**
   * Trains adapters in place of whole weights. They are saved by themselves in the folder {@code
   * adapter} too; the model that is handed on has them merged.
   */
  public S lora(LoraSettings settings) {
    lora = settings;
    return self();
  }

  /** Folder or hub name of the model to start from, which an adapter's file tells. */
  public S startName(String name) {
    startName = name;
    return self();
  }

  /** All of it as a recipe says. */
  public S settings(TrainingSettings s) {
    take(s);
    learningRate = s.learningRate();
    schedule = s.schedule();
    epochs = s.numTrainEpochs();
    maxSteps = s.maxSteps();
    return self();
  }

  /** Updates of the whole run where one pass over the data has so many sequences or pairs. */
  protected int steps(long perEpoch) {
    long perStep = (long) microBatchSize() * gradientAccumulationSteps();
    return TrainingSettings.steps(maxSteps, epochs, perEpoch, perStep);
  }

  /** What the run will need: parameters, memory, time. */
  protected TrainingPlan plan(DogeForCausalLm start, int rowsPerForward, int length, long steps) {
    return new TrainingPlan(
        start.config(),
        start.operations().device(),
        start.precision(),
        rowsPerForward,
        length,
        gradientAccumulationSteps(),
        steps,
        recompute(),
        LearningRateSchedule.of(schedule, learningRate, Math.toIntExact(steps)));
  }

  /** A trained copy of the start, and what the run came to. */
  protected record Trained(DogeForCausalLm model, TrainingRun.Result result) {}

  /**
   * Trains a copy of {@code start}, or goes on with what the folder holds.
   *
   * @param own what else a resumed run must share
   */
  protected Trained train(
      DogeForCausalLm start,
      Tokenizer tokenizer,
      int steps,
      Map<String, String> own,
      BatchSource batches,
      Evaluation evaluation) {
    TrainingRun run = run(start, tokenizer, steps, own);
    boolean whole = lora == null;
    DogeForCausalLm model =
        (whole
                ? run.resumedModel(start.operations().device(), start.precision())
                : Optional.<DogeForCausalLm>empty())
            .orElseGet(start::copy);
    model.recompute(recompute());
    model.measureAccuracy(true);
    if (whole) {
      return new Trained(model, run.train(model, batches, evaluation));
    }
    try (LoraAdapter opened =
        run.resumesFrom()
            .map(checkpoint -> LoraFiles.open(model, checkpoint.resolve(ADAPTER)))
            .orElseGet(() -> LoraAdapter.create(model, lora, seed()))) {
      adapter = opened;
      AdapterOptimizer updating = new AdapterOptimizer(opened, optimizer());
      return new Trained(model, run.train(model, updating, batches, evaluation));
    }
  }

  private TrainingRun run(
      DogeForCausalLm start, Tokenizer tokenizer, int steps, Map<String, String> own) {
    Map<String, String> identity = new LinkedHashMap<>();
    identity.put("model", start.config().toString());
    identity.put("start", start.weights().fingerprint());
    identity.put("tokenizer", tokenizer.fingerprint());
    identity.put("microBatchSize", String.valueOf(microBatchSize()));
    identity.put("gradientAccumulationSteps", String.valueOf(gradientAccumulationSteps()));
    identity.put("maxSteps", String.valueOf(steps));
    identity.put("learningRate", String.valueOf(learningRate));
    identity.put("lora", String.valueOf(lora));
    identity.put("seed", String.valueOf(seed()));
    identity.putAll(own);
    return run(
        identity,
        LearningRateSchedule.of(schedule, learningRate, steps),
        steps,
        0,
        path -> writeCompanions(tokenizer, path));
  }

  private void writeCompanions(Tokenizer tokenizer, Path into) {
    tokenizer.save(into);
    if (lora != null) {
      LoraFiles.save(adapter, into.resolve(ADAPTER), startName);
    }
  }
}
