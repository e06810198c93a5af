package dev.smalldoge.bench;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.Gson;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.GenerationConfig;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.generate.TokenLoop;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.Weights;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.FusedKernels;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Torch;
import java.lang.management.ManagementFactory;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Times decoding of models with random weights: new tokens per second by size and batch, one line
 * and one JSON object a row, with the launches of our own kernels a step and the rate at which
 * weights are read. Reading the prompt is not counted.
 */
public final class GenerateBench {
  private GenerateBench() {}

  /**
   * What is timed.
   *
   * @param device where
   * @param precision what is computed in
   * @param sizes names among tiny, 20M, 60M, 160M, 320M
   * @param batches rows that are written at once
   * @param promptLength tokens of each prompt
   * @param newTokens tokens that are written after each
   * @param temperature 0 for greedy decoding
   * @param repeats times that each row is run; the best counts, for others may use the machine too
   */
  public record Plan(
      Device device,
      Precision precision,
      List<String> sizes,
      List<Integer> batches,
      int promptLength,
      int newTokens,
      double temperature,
      int repeats) {}

  /** Runs a plan; a row that does not fit the memory says so. */
  public static void run(Plan plan) {
    System.out.printf(
        Locale.ROOT,
        "%-6s %6s %12s %10s %14s %13s %8s%n",
        "size",
        "batch",
        "tokens/s",
        "ms/step",
        "CPU ms/step",
        "own kernels",
        "GB/s");
    for (String size : plan.sizes) {
      ModelConfig config = TrainBench.SIZES.get(size);
      check(config != null, "size \"%s\" is not known; use %s", size, TrainBench.SIZES.keySet());
      Operations operations = Operations.on(plan.device);
      try (DogeForCausalLm model =
          new DogeForCausalLm(
              config, Weights.initialize(config, operations, 233), plan.precision)) {
        for (int batch : plan.batches) {
          time(plan, size, model, batch);
        }
      } catch (DogeException e) {
        System.out.printf(Locale.ROOT, "%-6s %s%n", size, e.getMessage());
      }
    }
  }

  private static void time(Plan plan, String size, DogeForCausalLm model, int batch) {
    SplittableRandom random = new SplittableRandom(233);
    int vocabSize = model.config().vocabSize();
    List<int[]> prompts =
        IntStream.range(0, batch)
            .mapToObj(
                i ->
                    IntStream.generate(() -> random.nextInt(vocabSize))
                        .limit(plan.promptLength)
                        .toArray())
            .toList();
    GenerationConfig config =
        GenerationConfig.DEFAULT.with(
            g -> {
              g.maxNewTokens = plan.newTokens;
              g.minNewTokens = plan.newTokens;
            });
    if (plan.temperature > 0) {
      config = config.withTemperature(plan.temperature);
    }
    Timed best = null;
    for (int i = 0; i < plan.repeats; i++) {
      Timed timed = once(model, config, prompts, plan.device.isGpu() ? 16 : 1);
      best = best == null || timed.seconds < best.seconds ? timed : best;
    }
    report(plan, size, batch, best, bytesRead(model.weights(), plan.precision));
  }

  /** Bytes of the weights that a step reads: fp16 is the type of the matrices alone. */
  static long bytesRead(Weights weights, Precision precision) {
    return weights.byName().values().stream()
        .mapToLong(
            weight ->
                weight.size()
                    * switch (precision) {
                      case FLOAT32 -> 4;
                      case BFLOAT16 -> 2;
                      case FLOAT16_WEIGHTS -> weight.shape().length > 1 ? 2 : 4;
                    })
        .sum();
  }

  /** Wall-clock and CPU seconds for so many steps, and launches of kernels of our own. */
  private record Timed(int steps, double seconds, double cpuSeconds, long launches) {}

  private static Timed once(
      DogeForCausalLm model, GenerationConfig config, List<int[]> prompts, int block) {
    long[] began = new long[2];
    long launchesBefore = FusedKernels.launches();
    int[] blocks = new int[1];
    new TokenLoop(model, config, 0)
        .run(
            prompts,
            block,
            tokens -> {
              if (blocks[0]++ == 0) { // the prompt and the first block are no part of it
                began[0] = System.nanoTime();
                began[1] = cpuTime();
              }
              return true;
            });
    int steps = config.maxNewTokens() - block;
    long launches = FusedKernels.launches() - launchesBefore;
    return new Timed(
        steps,
        (System.nanoTime() - began[0]) / 1e9,
        (cpuTime() - began[1]) / 1e9,
        launches * steps / (config.maxNewTokens() - 1)); // the prompt gives the first token
  }

  private static long cpuTime() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  private static void report(Plan plan, String size, int batch, Timed timed, long bytes) {
    double tokensPerSecond = timed.steps * batch / timed.seconds;
    double milliseconds = 1e3 * timed.seconds / timed.steps;
    double cpuMilliseconds = 1e3 * timed.cpuSeconds / timed.steps;
    double kernels = timed.launches / (double) timed.steps;
    double weightsPerSecond = bytes / 1e6 / milliseconds;
    System.out.printf(
        Locale.ROOT,
        "%-6s %6d %,12.1f %10.3f %14.3f %13.1f %8.0f%n",
        size,
        batch,
        tokensPerSecond,
        milliseconds,
        cpuMilliseconds,
        kernels,
        weightsPerSecond);
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("bench", "generate");
    row.put("size", size);
    row.put("device", plan.device.toString());
    row.put("precision", plan.precision.toString());
    row.put("threads", Torch.threads());
    row.put("batch", batch);
    row.put("promptLength", plan.promptLength);
    row.put("newTokens", plan.newTokens);
    row.put("temperature", plan.temperature);
    row.put("tokensPerSecond", tokensPerSecond);
    row.put("millisecondsPerStep", milliseconds);
    row.put("cpuMillisecondsPerStep", cpuMilliseconds);
    row.put("ownKernelsPerStep", kernels);
    row.put("weightGigabytesPerSecond", weightsPerSecond);
    System.out.println(new Gson().toJson(row));
  }
}
