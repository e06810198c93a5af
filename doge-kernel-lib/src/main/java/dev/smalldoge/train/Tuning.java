package dev.smalldoge.train;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.Home;
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
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
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
public abstract class Tuning<S extends Tuning<S>> {
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

  private final List<TrainingListener> listeners = new ArrayList<>();
  private String title;
  private Path folder;
  private double learningRate;
  private ScheduleSettings schedule = COSINE;
  private AdamW.Settings optimizer = AdamW.Settings.FINE_TUNING;
  private int microBatchSize = 1;
  private int gradientAccumulationSteps = 128;
  private double epochs = 2;
  private long maxSteps;
  private int evaluateEverySteps = 100;
  private int saveEverySteps = 100;
  private int keepLastCheckpoints = 3;
  private long seed = 233;
  private boolean recompute;
  private LoraSettings lora;
  private String startName = "";
  private LoraAdapter adapter;

  /** A stage with its own default of title, folder and peak learning rate. */
  protected Tuning(String title, String folder, double learningRate) {
    this.title = title;
    this.folder = Home.path(folder);
    this.learningRate = learningRate;
  }

  /** This stage. */
  protected abstract S self();

  /** What charts and messages call the run. */
  public S title(String newTitle) {
    title = newTitle;
    return self();
  }

  /** The run's folder; a run that was stopped there goes on. */
  public S checkpoints(String runFolder) {
    folder = Home.path(runFolder);
    return self();
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

  /** Constants of AdamW. */
  public S optimizer(AdamW.Settings settings) {
    optimizer = settings;
    return self();
  }

  /** Sequences, or pairs, of one forward pass. */
  public S microBatchSize(int perForward) {
    check(perForward > 0, "microBatchSize %d is not positive; use 1", perForward);
    microBatchSize = perForward;
    return self();
  }

  /** Forward passes of one update. */
  public S gradientAccumulationSteps(int forwardsPerUpdate) {
    gradientAccumulationSteps = forwardsPerUpdate;
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
    maxSteps = updates;
    return self();
  }

  /** Updates between evaluations on held-out data; 0 for none. */
  public S evaluateEverySteps(int updates) {
    evaluateEverySteps = updates;
    return self();
  }

  /** Updates between checkpoints; 0 for one at the end alone. */
  public S saveEverySteps(int updates) {
    saveEverySteps = updates;
    return self();
  }

  /** How many of the latest checkpoints stay; 0 for all. */
  public S keepLastCheckpoints(int checkpoints) {
    keepLastCheckpoints = checkpoints;
    return self();
  }

  /** Seed of dropout, of the pairs' order and of a new adapter. */
  public S seed(long newSeed) {
    seed = newSeed;
    return self();
  }

  /** Whether activations are computed again for the backward pass, to save memory. */
  public S recompute(boolean on) {
    recompute = on;
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

  /** Adds one that hears what the run does. */
  public S listener(TrainingListener listener) {
    listeners.add(listener);
    return self();
  }

  /** All of it as a recipe says. */
  public S settings(TrainingSettings s) {
    learningRate = s.learningRate();
    schedule = s.schedule();
    optimizer = AdamW.Settings.of(s);
    microBatchSize = s.microBatchSize();
    gradientAccumulationSteps = s.gradientAccumulationSteps();
    epochs = s.numTrainEpochs();
    maxSteps = s.maxSteps();
    evaluateEverySteps = s.evalEverySteps();
    saveEverySteps = s.saveEverySteps();
    keepLastCheckpoints = s.keepLastCheckpoints();
    seed = s.seed();
    recompute = s.recompute();
    return self();
  }

  /** Sequences, or pairs, of one forward pass. */
  protected int microBatchSize() {
    return microBatchSize;
  }

  /** Updates between evaluations. */
  protected int evaluateEverySteps() {
    return evaluateEverySteps;
  }

  /** Seed of the run. */
  protected long seed() {
    return seed;
  }

  /** The run's folder. */
  protected Path folder() {
    return folder;
  }

  /** Updates of the whole run where one pass over the data has so many sequences or pairs. */
  protected int steps(long perEpoch) {
    long perStep = (long) microBatchSize * gradientAccumulationSteps;
    return Math.toIntExact(
        maxSteps > 0 ? maxSteps : Math.max(1, Math.round(epochs * perEpoch / perStep)));
  }

  /** What the run will need: parameters, memory, time. */
  protected TrainingPlan plan(DogeForCausalLm start, int rowsPerForward, int length, long steps) {
    return new TrainingPlan(
        start.config(),
        start.operations().device(),
        start.precision(),
        rowsPerForward,
        length,
        gradientAccumulationSteps,
        steps,
        recompute,
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
    model.recompute(recompute);
    // on a GPU the fused head is worth more than a figure that each evaluation has too
    model.measureAccuracy(!start.operations().device().isGpu());
    if (whole) {
      return new Trained(model, run.train(model, batches, evaluation));
    }
    try (LoraAdapter opened =
        run.resumesFrom()
            .map(checkpoint -> LoraFiles.open(model, checkpoint.resolve(ADAPTER)))
            .orElseGet(() -> LoraAdapter.create(model, lora, seed))) {
      adapter = opened;
      AdapterOptimizer updating = new AdapterOptimizer(opened, optimizer);
      return new Trained(model, run.train(model, updating, batches, evaluation));
    }
  }

  private TrainingRun run(
      DogeForCausalLm start, Tokenizer tokenizer, int steps, Map<String, String> own) {
    Map<String, String> identity = new LinkedHashMap<>();
    identity.put("model", start.config().toString());
    identity.put("tokenizer", tokenizer.fingerprint());
    identity.put("microBatchSize", String.valueOf(microBatchSize));
    identity.put("gradientAccumulationSteps", String.valueOf(gradientAccumulationSteps));
    identity.put("maxSteps", String.valueOf(steps));
    identity.put("learningRate", String.valueOf(learningRate));
    identity.put("lora", String.valueOf(lora));
    identity.put("seed", String.valueOf(seed));
    identity.putAll(own);
    return new TrainingRun(
        title,
        folder,
        identity,
        optimizer,
        LearningRateSchedule.of(schedule, learningRate, steps),
        new TrainingLoop.Settings(
            steps, gradientAccumulationSteps, evaluateEverySteps, saveEverySteps, seed, 0),
        keepLastCheckpoints,
        path -> writeCompanions(tokenizer, path),
        listeners);
  }

  private void writeCompanions(Tokenizer tokenizer, Path into) {
    tokenizer.save(into);
    if (lora != null) {
      LoraFiles.save(adapter, into.resolve(ADAPTER), startName);
    }
  }
}
