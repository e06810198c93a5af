package dev.smalldoge.train;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.Fields;
import dev.smalldoge.config.World;
import dev.smalldoge.io.JsonFiles;
import dev.smalldoge.io.WrittenAside;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.model.Precision;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.optim.LearningRateSchedule;
import dev.smalldoge.optim.Optimizer;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * One training run and the folder it lives in, the same for pre-training, fine-tuning and
 * preference optimisation.
 *
 * <p>The folder holds {@code checkpoint-<step>} folders, {@code metrics.jsonl}, {@code run.json}
 * (what must not change when the run goes on) and, once all steps are done, {@code loss.png} and
 * the model itself with its tokenizer. A run whose folder has checkpoints goes on from the last
 * one.
 *
 * <p>Where the environment names a {@link World} of several processes, this one trains as a rank of
 * it: all of them see the same folder, and rank 0 alone writes.
 *
 * @param title what charts and messages call it
 * @param folder where everything of it lies
 * @param identity settings by name that a resumed run must share, such as model and seed
 * @param optimizer constants of AdamW
 * @param schedule learning rates
 * @param loop numbers of the loop
 * @param keepLastCheckpoints how many of the latest checkpoints stay; 0 for all
 * @param companions writes what else belongs into a model folder: the tokenizer's files
 * @param listeners more that hear of the run, beside its log, its chart and its progress
 */
public record TrainingRun(
    String title,
    Path folder,
    Map<String, String> identity,
    AdamW.Settings optimizer,
    LearningRateSchedule schedule,
    TrainingLoop.Settings loop,
    int keepLastCheckpoints,
    Consumer<Path> companions,
    List<TrainingListener> listeners) {
  private static final String IDENTITY = "run.json";
  private static final Gson GSON = new GsonBuilder().setPrettyPrinting().create();

  /**
   * What a run came to.
   *
   * @param complete whether all steps are done; else it was stopped and can go on
   * @param steps updates done, those of earlier sessions included
   * @param history the losses of this session
   * @param folder the run's folder
   */
  public record Result(boolean complete, long steps, LossHistory history, Path folder) {
    /** As "complete after 800 steps in runs/tiny/pretrain: ". */
    public String heading() {
      return String.format(
          Locale.ROOT,
          "%s after %,d steps in %s: ",
          complete ? "complete" : "stopped",
          steps,
          folder);
    }
  }

  /**
   * The checkpoint that {@link #train} will go on from; its model is the one to give it.
   *
   * @throws DogeException if the folder's checkpoints belong to a run of other settings
   */
  public Optional<Path> resumesFrom() {
    Optional<Path> latest = checkpoints().latest();
    Path file = folder.resolve(IDENTITY);
    if (latest.isEmpty() || !Files.exists(file)) {
      return latest;
    }
    Fields before = JsonFiles.fields(file);
    identity.forEach(
        (key, value) -> {
          String saved = before.text(key, value);
          check(
              value.equals(saved),
              "%s holds a run whose %s is %s, and this one's is %s; choose another folder, or"
                  + " delete that one",
              folder,
              key,
              saved,
              value);
        });
    return latest;
  }

  private Checkpoints checkpoints() {
    return new Checkpoints(folder, keepLastCheckpoints, companions);
  }

  /** Opens the model of {@link #resumesFrom}, if there is one. */
  public Optional<DogeForCausalLm> resumedModel(Device device, Precision precision) {
    return resumesFrom().map(checkpoint -> ModelFiles.open(checkpoint, device, precision));
  }

  /**
   * Trains a model to the last step, or until interrupted, which leaves a checkpoint.
   *
   * @param model of {@link #resumedModel} where that has one, else a new one; its weights change
   * @param batches what to train on, at its beginning
   * @param evaluation held-out text; null for none
   * @throws DogeException when loss or norm is not finite, the disk is full, or another process
   *     trains in the same folder
   */
  public Result train(DogeForCausalLm model, BatchSource batches, Evaluation evaluation) {
    model.weights().train(name -> true);
    return train(model, new AdamW(model.weights(), optimizer), batches, evaluation);
  }

  /**
   * {@link #train(DogeForCausalLm, BatchSource, Evaluation)} with an optimizer of one's own, such
   * as that of an adapter.
   *
   * @param updating what updates the weights; closed at the end
   */
  public Result train(
      DogeForCausalLm model, Optimizer updating, BatchSource batches, Evaluation evaluation) {
    boolean writes = World.ofEnvironment().isFirst();
    if (writes) {
      createFolder();
    }
    LossHistory history = new LossHistory();
    try (updating;
        RunLock lock = writes ? RunLock.of(folder) : null;
        Ranks ranks = Ranks.open(World.ofEnvironment(), model.operations().device())) {
      Optional<Path> checkpoint = resumesFrom();
      Optional<TrainingState> state =
          checkpoint.map(path -> Checkpoints.state(path, model.operations()));
      long firstStep = state.map(TrainingState::step).orElse(0L);
      List<TrainingListener> all = new ArrayList<>(List.of(history));
      if (ranks.isFirst()) {
        WrittenAside.text(folder.resolve(IDENTITY), GSON.toJson(new LinkedHashMap<>(identity)));
        all.add(new MetricsLog(folder.resolve("metrics.jsonl"), firstStep));
        all.add(RunProgress.open(title));
        all.addAll(TensorBoardLog.ifAsked(folder, firstStep));
        all.addAll(listeners);
      }
      TrainingLoop training =
          new TrainingLoop(
              model, updating, schedule, batches, loop, evaluation, checkpoints(), all, ranks);
      state.ifPresent(
          saved -> {
            resume(training, saved, checkpoint.get());
            saved.moments().values().forEach(Tensor::close);
          });
      boolean complete = training.run();
      ranks.finish();
      if (complete && ranks.isFirst()) {
        finish(model, history, firstStep);
      }
      return new Result(complete, training.step(), history, folder);
    }
  }

  private static void resume(TrainingLoop training, TrainingState saved, Path checkpoint) {
    try {
      training.resume(saved);
    } catch (DogeException e) {
      throw new DogeException(checkpoint + ": " + e.getMessage(), e);
    }
  }

  private void createFolder() {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new DogeException(
          "Cannot create the run folder " + folder + " (" + e.getMessage() + "); choose another",
          e);
    }
  }

  private void finish(DogeForCausalLm model, LossHistory history, long firstStep) {
    ModelFiles.save(model, folder);
    companions.accept(folder);
    if (firstStep < loop.maxSteps()) {
      history.savePng(title, folder.resolve("loss.png"));
    }
  }
}
