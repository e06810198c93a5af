package dev.smalldoge.io;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.ModelConfig;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A model whose weights are the mean of several checkpoints of one run: often better than the last
 * of them, as if the learning rate had decayed.
 *
 * <p>Sums are taken in double precision and written as FLOAT32. Source: small-doge's {@code
 * model_merging}; arXiv:2505.12082.
 *
 * <p>Example: {@code CheckpointAverage.write(folders, CheckpointAverage.exponential(folders.size(),
 * 0.2), Path.of("runs/doge-20m/averaged"))}.
 */
public final class CheckpointAverage {
  /** Files of a checkpoint that say nothing of the averaged model. */
  private static final Set<String> NOT_OF_THE_MEAN =
      Set.of(Safetensors.INDEX, "training-state.json");

  private CheckpointAverage() {}

  /** Equal shares (SMA). */
  public static double[] simple(int checkpoints) {
    return normalized(IntStream.range(0, checkpoints).mapToDouble(i -> 1));
  }

  /**
   * Shares alpha · (1 − alpha)^(N − i), made to sum to 1: the newest counts most (EMA).
   *
   * @param alpha in (0, 1); 0.2 is usual
   */
  public static double[] exponential(int checkpoints, double alpha) {
    check(alpha > 0 && alpha < 1, "alpha %s is outside (0, 1); use 0.2", alpha);
    return normalized(
        IntStream.range(0, checkpoints)
            .mapToDouble(i -> alpha * Math.pow(1 - alpha, checkpoints - 1 - i)));
  }

  /** Shares 1, 2, … N, made to sum to 1 (WMA). */
  public static double[] linear(int checkpoints) {
    return normalized(IntStream.range(0, checkpoints).mapToDouble(i -> i + 1));
  }

  private static double[] normalized(DoubleStream shares) {
    double[] all = shares.toArray();
    double sum = Arrays.stream(all).sum();
    return Arrays.stream(all).map(s -> s / sum).toArray();
  }

  /** Every {@code interval}-th of the checkpoints counted from the newest, at most {@code most}. */
  public static List<Path> choose(List<Path> oldestFirst, int interval, int most) {
    check(interval > 0, "interval %d is not positive; use 1 for every checkpoint", interval);
    check(most > 0, "%d checkpoints cannot be averaged; use 10", most);
    List<Path> chosen = new ArrayList<>();
    for (int i = oldestFirst.size() - 1; i >= 0 && chosen.size() < most; i -= interval) {
      chosen.add(0, oldestFirst.get(i));
    }
    return chosen;
  }

  /**
   * Writes the mean as a model folder, with the last checkpoint's other files (configuration,
   * tokenizer).
   *
   * @param checkpoints model folders, oldest first
   * @param shares what each counts, summing to 1
   * @throws DogeException if the checkpoints are not of one model
   */
  public static void write(List<Path> checkpoints, double[] shares, Path target) {
    check(!checkpoints.isEmpty(), "there is no checkpoint to average; give some folders");
    check(
        shares.length == checkpoints.size(),
        "%d shares were given for %d checkpoints; give one for each",
        shares.length,
        checkpoints.size());
    double sum = Arrays.stream(shares).sum();
    check(Math.abs(sum - 1) < 1e-6, "the shares sum to %s; divide each by that", sum);
    Path last = checkpoints.get(checkpoints.size() - 1);
    ModelConfig config = ConfigFiles.readModelConfig(last);
    for (Path checkpoint : checkpoints) {
      check(
          ConfigFiles.readModelConfig(checkpoint).equals(config),
          "%s is of another model than %s; average checkpoints of one run",
          checkpoint,
          last);
      check(!isSame(checkpoint, target), "%s would be overwritten; name a new folder", checkpoint);
    }
    List<ModelWeights> opened = new ArrayList<>();
    try {
      checkpoints.forEach(c -> opened.add(ModelWeights.open(c, config)));
      opened.forEach(ModelWeights::requireFinite);
      SafetensorsWriter writer =
          SafetensorsWriter.to(target.resolve(Safetensors.FILE)).metadata("format", "pt");
      for (Map.Entry<String, long[]> weight : WeightNames.expected(config).entrySet()) {
        String name = weight.getKey();
        writer.addFloats(name, DType.F32, weight.getValue(), () -> mean(opened, shares, name));
      }
      writer.write();
      copyOtherFiles(last, target);
    } finally {
      opened.forEach(ModelWeights::close);
    }
  }

  private static boolean isSame(Path a, Path b) {
    return a.toAbsolutePath().normalize().equals(b.toAbsolutePath().normalize());
  }

  private static FloatBuffer mean(List<ModelWeights> opened, double[] shares, String name) {
    double[] sums = null;
    for (int i = 0; i < shares.length; i++) {
      FloatBuffer values = opened.get(i).floats(name);
      sums = sums == null ? new double[values.remaining()] : sums;
      for (int k = 0; k < sums.length; k++) {
        sums[k] += shares[i] * values.get(values.position() + k);
      }
    }
    float[] mean = new float[sums.length];
    for (int k = 0; k < mean.length; k++) {
      mean[k] = (float) sums[k];
    }
    return FloatBuffer.wrap(mean);
  }

  private static void copyOtherFiles(Path from, Path to) {
    try (Stream<Path> files = Files.list(from)) {
      Files.createDirectories(to);
      for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
        String name = file.getFileName().toString();
        if (name.endsWith(".json") && !NOT_OF_THE_MEAN.contains(name)) {
          Files.copy(file, to.resolve(name), StandardCopyOption.REPLACE_EXISTING);
        }
      }
    } catch (IOException e) {
      throw new DogeException("the files of " + from + " cannot be copied to " + to + ": " + e, e);
    }
  }
}
