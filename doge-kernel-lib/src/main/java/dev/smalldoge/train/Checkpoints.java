package dev.smalldoge.train;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.Fields;
import dev.smalldoge.io.DType;
import dev.smalldoge.io.JsonFiles;
import dev.smalldoge.io.Safetensors;
import dev.smalldoge.io.SafetensorsWriter;
import dev.smalldoge.io.WrittenAside;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The checkpoints of a run: folders {@code checkpoint-<step>}, each a Hugging Face model folder
 * with the training state beside the weights ({@code training-state.json}, {@code
 * optimizer.safetensors}).
 *
 * <p>A checkpoint is written under another name and renamed when it is complete, so a run that is
 * killed at any moment resumes from the last complete one, bit for bit.
 */
public final class Checkpoints {
  private static final String PREFIX = "checkpoint-";
  private static final String PART = ".part";
  private static final String STATE = "training-state.json";
  private static final String MOMENTS = "optimizer.safetensors";
  private static final Gson GSON = new GsonBuilder().setPrettyPrinting().create();

  private final Path folder;
  private final int keepLast;
  private final Consumer<Path> companions;

  /**
   * Checkpoints under {@code folder}.
   *
   * @param keepLast how many of the latest are kept; 0 for all
   * @param companions writes what else belongs into a model folder, such as the tokenizer's files
   */
  public Checkpoints(Path folder, int keepLast, Consumer<Path> companions) {
    check(keepLast >= 0, "keepLast %d is negative; use 0 to keep all checkpoints", keepLast);
    this.folder = folder;
    this.keepLast = keepLast;
    this.companions = companions;
  }

  /** What the JSON file beside the weights holds. */
  private record Counters(
      long step,
      long tokensSeen,
      long position,
      long seed,
      double learningRate,
      Map<String, Long> updates) {}

  /** The complete checkpoints, oldest first. */
  public List<Path> list() {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(folder)) {
      return entries
          .filter(p -> p.getFileName().toString().matches(PREFIX + "\\d+"))
          .sorted(Comparator.comparingLong(Checkpoints::stepOf))
          .toList();
    } catch (IOException e) {
      throw new DogeException(
          "Cannot read the run folder " + folder + " (" + e.getMessage() + "); check its rights",
          e);
    }
  }

  /** The latest complete checkpoint. */
  public Optional<Path> latest() {
    List<Path> all = list();
    return all.isEmpty() ? Optional.empty() : Optional.of(all.get(all.size() - 1));
  }

  private static long stepOf(Path checkpoint) {
    return Long.parseLong(checkpoint.getFileName().toString().substring(PREFIX.length()));
  }

  /**
   * Saves a model with its state; an earlier checkpoint of the same step is replaced.
   *
   * @return the new checkpoint's folder
   * @throws DogeException when the disk is full or cannot be written; earlier ones are untouched
   */
  public Path save(DogeForCausalLm model, TrainingState state) {
    Path target = folder.resolve(PREFIX + state.step());
    Path aside = folder.resolve(PREFIX + state.step() + PART);
    try {
      write(model, state, aside);
      delete(target);
      Files.move(aside, target, StandardCopyOption.ATOMIC_MOVE);
      prune();
      return target;
    } catch (IOException | DogeException e) {
      discard(aside, e); // what was written of it would keep the disk full
      throw new DogeException(
          "Checkpoint "
              + target
              + " could not be written ("
              + e.getMessage()
              + "); free disk space or choose another folder; earlier checkpoints are untouched",
          e);
    }
  }

  private void write(DogeForCausalLm model, TrainingState state, Path aside) throws IOException {
    delete(aside);
    Files.createDirectories(aside);
    ModelFiles.save(model, aside);
    companions.accept(aside);
    writeMoments(state.moments(), aside.resolve(MOMENTS));
    Counters counters =
        new Counters(
            state.step(),
            state.tokensSeen(),
            state.position(),
            state.seed(),
            state.learningRate(),
            state.updates());
    WrittenAside.text(aside.resolve(STATE), GSON.toJson(counters));
  }

  private static void discard(Path aside, Exception reason) {
    try {
      delete(aside);
    } catch (IOException e) {
      reason.addSuppressed(e);
    }
  }

  private static void writeMoments(Map<String, Tensor> moments, Path file) {
    SafetensorsWriter writer = SafetensorsWriter.to(file);
    moments.forEach((name, tensor) -> writer.add(name, DType.F32, tensor.shape(), tensor::toBytes));
    writer.write();
  }

  private void prune() throws IOException {
    List<Path> all = list();
    for (int i = 0; keepLast > 0 && i < all.size() - keepLast; i++) {
      delete(all.get(i));
    }
  }

  /**
   * The training state of a checkpoint.
   *
   * @param operations of the device that the moments go to; the caller closes them
   * @throws DogeException naming the file that is missing or damaged
   */
  public static TrainingState state(Path checkpoint, Operations operations) {
    Path file = checkpoint.resolve(STATE);
    check(
        Files.exists(file),
        "%s has no %s, so it is a model but no checkpoint to resume; start a new run from it",
        checkpoint,
        STATE);
    Fields counters = JsonFiles.fields(file);
    counters.require("step", "tokensSeen", "position", "seed", "learningRate", "updates");
    Fields perWeight = counters.map("updates");
    Map<String, Long> updates = new TreeMap<>();
    perWeight.keys().forEach(name -> updates.put(name, perWeight.whole(name, 0)));
    Map<String, Tensor> moments = new LinkedHashMap<>();
    try (Safetensors saved = Safetensors.open(checkpoint.resolve(MOMENTS))) {
      for (String name : saved.names()) {
        moments.put(name, operations.floats(saved.floats(name), saved.info(name).shape()));
      }
    }
    return new TrainingState(
        count(counters, "step"),
        count(counters, "tokensSeen"),
        count(counters, "position"),
        counters.whole("seed", 0),
        counters.number("learningRate", 0),
        moments,
        updates);
  }

  private static long count(Fields counters, String key) {
    long count = counters.whole(key, 0);
    check(
        count >= 0,
        "%s: %s is %d, expected 0 or more; resume an earlier checkpoint",
        counters.where(),
        key,
        count);
    return count;
  }

  private static void delete(Path path) throws IOException {
    if (!Files.exists(path)) {
      return;
    }
    try (Stream<Path> inside = Files.walk(path)) {
      for (Path p : inside.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(p);
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }
}
