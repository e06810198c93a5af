package dev.smalldoge.train;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.Home;
import dev.smalldoge.config.Recompute;
import dev.smalldoge.config.TrainingSettings;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.optim.LearningRateSchedule;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * The options that pre-training, fine-tuning and preference optimisation share.
 *
 * @param <S> the stage itself, which every option returns
 */
public abstract class StageOptions<S extends StageOptions<S>> {
  private final List<TrainingListener> listeners = new ArrayList<>();
  private String title;
  private Path folder;
  private AdamW.Settings optimizer;
  private int microBatchSize = 1;
  private int gradientAccumulationSteps;
  private int evaluateEverySteps = 100;
  private int saveEverySteps = 100;
  private int keepLastCheckpoints = 3;
  private long seed = 233;
  private Recompute recompute = Recompute.NOTHING;

  /** Options with a stage's own defaults. */
  protected StageOptions(
      String title, String folder, AdamW.Settings optimizer, int gradientAccumulationSteps) {
    this.title = title;
    this.folder = Home.path(folder);
    this.optimizer = optimizer;
    this.gradientAccumulationSteps = gradientAccumulationSteps;
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

  /** Seed of new weights, dropout and the pairs' order; sequences have their own. */
  public S seed(long newSeed) {
    seed = newSeed;
    return self();
  }

  /** Whether whole layers are computed again for the backward pass, to save memory. */
  public S recompute(boolean on) {
    return recompute(Recompute.of(on));
  }

  /** Which activations are computed again for the backward pass, to save memory. */
  public S recompute(Recompute what) {
    recompute = what;
    return self();
  }

  /** Adds one that hears what the run does. */
  public S listener(TrainingListener listener) {
    listeners.add(listener);
    return self();
  }

  /** Takes over what these options hold of a recipe. */
  protected void take(TrainingSettings s) {
    optimizer = AdamW.Settings.of(s);
    microBatchSize = s.microBatchSize();
    gradientAccumulationSteps = s.gradientAccumulationSteps();
    evaluateEverySteps = s.evalEverySteps();
    saveEverySteps = s.saveEverySteps();
    keepLastCheckpoints = s.keepLastCheckpoints();
    seed = s.seed();
    recompute = s.recompute();
  }

  /** The run that these options describe. */
  protected TrainingRun run(
      Map<String, String> identity,
      LearningRateSchedule schedule,
      long steps,
      int expertWarmupSteps,
      Consumer<Path> companions) {
    return new TrainingRun(
        title,
        folder,
        identity,
        optimizer,
        schedule,
        new TrainingLoop.Settings(
            steps,
            gradientAccumulationSteps,
            evaluateEverySteps,
            saveEverySteps,
            seed,
            expertWarmupSteps),
        keepLastCheckpoints,
        companions,
        listeners);
  }

  /** The run's folder. */
  protected Path folder() {
    return folder;
  }

  /** Constants of AdamW. */
  protected AdamW.Settings optimizer() {
    return optimizer;
  }

  /** Sequences, or pairs, of one forward pass. */
  protected int microBatchSize() {
    return microBatchSize;
  }

  /** Forward passes of one update. */
  protected int gradientAccumulationSteps() {
    return gradientAccumulationSteps;
  }

  /** Updates between evaluations. */
  protected int evaluateEverySteps() {
    return evaluateEverySteps;
  }

  /** Seed of the run. */
  protected long seed() {
    return seed;
  }

  /** Which activations are computed again. */
  protected Recompute recompute() {
    return recompute;
  }
}
