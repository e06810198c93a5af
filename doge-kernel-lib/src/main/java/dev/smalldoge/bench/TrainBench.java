package dev.smalldoge.bench;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.Gson;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.Recompute;
import dev.smalldoge.io.WeightNames;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.Weights;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.FusedKernels;
import dev.smalldoge.torch.GpuActivity;
import dev.smalldoge.torch.GpuActivity.KernelTime;
import dev.smalldoge.torch.GpuActivity.Seen;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.torch.Torch;
import java.lang.management.ManagementFactory;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.IntFunction;
import java.util.function.ToDoubleFunction;

/**
 * Times whole training steps, forward, backward and AdamW, on random tokens: tokens per second by
 * size and micro-batch, and the share of the time that the GPU waited, one line and one JSON object
 * a row.
 */
public final class TrainBench {
  static final Map<String, ModelConfig> SIZES = sizes();

  /** Dense bf16 rate of a Hopper GPU by its datasheet, and what one large product reached there. */
  private static final double PEAK_FLOPS = 989e12;

  private static final double REACHABLE_FLOPS = 790e12;

  private static final int WATCHED_STEPS = 4;

  /** Compiled names of the libraries' kernels go on for hundreds of characters. */
  private static final int NAME_LENGTH = 88;

  private TrainBench() {}

  private static Map<String, ModelConfig> sizes() {
    Map<String, ModelConfig> sizes = new LinkedHashMap<>();
    sizes.put("tiny", ModelConfig.tiny());
    sizes.put("20M", ModelConfig.doge20M());
    sizes.put("60M", ModelConfig.doge60M());
    sizes.put("160M", ModelConfig.doge160M());
    sizes.put("320M", ModelConfig.doge320M());
    sizes.put("20M-MoE", ModelConfig.doge20MMoe());
    sizes.put("120M-MoE", ModelConfig.doge120MMoe());
    return sizes;
  }

  /**
   * What is timed.
   *
   * @param device where
   * @param precision what is computed in
   * @param sizes names among tiny, 20M, 60M, 160M, 320M, 20M-MoE, 120M-MoE
   * @param microBatchSizes sequences a step
   * @param sequenceLength tokens a sequence
   * @param steps steps that are timed, after a quarter as many that are not
   * @param recompute which activations are computed again for the backward pass
   * @param fuse whether the fused kernels may be used
   * @param record whether their passes may be recorded and launched as one
   * @param kernels how many kernels are told of each row, those that take longest first
   */
  public record Plan(
      Device device,
      Precision precision,
      List<String> sizes,
      List<Integer> microBatchSizes,
      int sequenceLength,
      int steps,
      Recompute recompute,
      boolean fuse,
      boolean record,
      int kernels) {}

  static ModelConfig config(String size) {
    ModelConfig config = SIZES.get(size);
    check(config != null, "size \"%s\" is not known; use %s", size, SIZES.keySet());
    return config;
  }

  /** Runs a plan; a row that does not fit the memory says so. */
  public static void run(Plan plan) {
    System.out.printf(
        Locale.ROOT,
        "%-8s %11s %12s %10s %9s %9s %7s %9s %9s %8s %7s %9s %13s%n",
        "size",
        "microBatch",
        "tokens/s",
        "ms/step",
        "ns/token",
        "roofline",
        "MFU",
        "GiB used",
        "launches",
        "kernels",
        "idle",
        "idle seen",
        "s to 1st step");
    for (String size : plan.sizes) {
      ModelConfig config = config(size);
      for (int microBatchSize : plan.microBatchSizes) {
        try {
          time(plan, size, config, microBatchSize);
        } catch (DogeException e) {
          System.out.printf(Locale.ROOT, "%-8s %11d %s%n", size, microBatchSize, e.getMessage());
        }
      }
    }
  }

  private static void time(Plan plan, String size, ModelConfig config, int microBatchSize) {
    Operations operations = Operations.on(plan.device);
    int length = plan.sequenceLength;
    long tokens = (long) microBatchSize * length;
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model =
            new DogeForCausalLm(
                config, Weights.initialize(config, operations, 233), plan.precision)) {
      model.recompute(plan.recompute);
      model.fuse(plan.fuse);
      model.recordPasses(plan.record);
      model.weights().train(name -> true);
      try (AdamW optimizer = new AdamW(model.weights(), AdamW.Settings.PRETRAINING)) {
        long[][] ids = randomTokens(233, microBatchSize, length, config.vocabSize());
        step(model, optimizer, ids, tokens);
        double firstStep =
            (System.currentTimeMillis() - ManagementFactory.getRuntimeMXBean().getStartTime())
                / 1e3;
        for (int i = 0; i < Math.max(2, plan.steps / 4); i++) {
          step(model, optimizer, ids, tokens);
        }
        final long launchesBefore = FusedKernels.launches();
        final long began = System.nanoTime();
        for (int i = 0; i < plan.steps - 1; i++) {
          launch(model, optimizer, ids, tokens).close();
        }
        double loss = step(model, optimizer, ids, tokens); // waits for the device
        double seconds = (System.nanoTime() - began) / 1e9;
        double launches = (FusedKernels.launches() - launchesBefore) / (double) plan.steps;
        long bytes = used(plan);
        Optional<Seen> seen =
            plan.device.isGpu()
                ? watched(i -> launch(model, optimizer, ids, tokens))
                : Optional.empty();
        report(
            plan,
            size,
            config,
            microBatchSize,
            new Measured(
                plan.steps * tokens / seconds,
                firstStep,
                loss,
                launches,
                model.isRecorded(),
                bytes,
                seen));
      }
    } finally {
      if (plan.device.isGpu()) {
        Torch.emptyCache(); // the next row's memory is then its own
      }
    }
  }

  /** What the GPU did in a few more steps, which run one after the other as in training. */
  private static Optional<Seen> watched(IntFunction<Tensor> launch) {
    Optional<GpuActivity> activity = GpuActivity.available();
    activity.ifPresent(GpuActivity::start);
    Tensor last = null;
    for (int i = 0; i < WATCHED_STEPS; i++) {
      if (last != null) {
        last.close();
      }
      last = launch.apply(i);
    }
    last.item(); // waits for the device
    last.close();
    return activity.map(GpuActivity::stop);
  }

  private static Tensor launch(DogeForCausalLm model, AdamW optimizer, long[][] ids, long tokens) {
    try (TensorScope scope = new TensorScope()) {
      ModelInput input = ModelInput.of(model.operations(), ids); // uploaded anew, as in training
      Tensor nats = model.backward(input, input.inputIds(), 1.0 / tokens, 0).nats();
      optimizer.update(1e-4);
      return TensorScope.release(nats);
    }
  }

  private static double step(DogeForCausalLm model, AdamW optimizer, long[][] ids, long tokens) {
    try (Tensor nats = launch(model, optimizer, ids, tokens)) {
      return nats.item() / tokens;
    }
  }

  /** Ids of {@code rows} sequences that follow from a seed. */
  static long[][] randomTokens(long seed, int rows, int length, int vocabSize) {
    SplittableRandom random = new SplittableRandom(seed);
    long[][] ids = new long[rows][length];
    for (long[] row : ids) {
      for (int i = 0; i < length; i++) {
        row[i] = random.nextInt(vocabSize);
      }
    }
    return ids;
  }

  /** One row's figures; bytes are those that the process took from the device. */
  private record Measured(
      double tokensPerSecond,
      double firstStep,
      double loss,
      double launches,
      boolean recorded,
      long bytes,
      Optional<Seen> seen) {}

  private static long used(Plan plan) {
    return plan.device.isGpu() ? FusedKernels.usedBytes(plan.device) : 0;
  }

  /**
   * The part of a step, timed without watching, in which no kernel ran. {@link Seen#idleShare} is
   * another measure of it: one clock tells both, but watching itself takes time between kernels, so
   * that one is never too small.
   */
  private static double idleShare(Seen seen, double millisecondsPerStep) {
    // a busier stretch than the timed one, by a per cent of noise, counts as all busy
    return Math.max(0, 1 - 1e3 * seen.busy() / WATCHED_STEPS / millisecondsPerStep);
  }

  private static void report(
      Plan plan, String size, ModelConfig config, int microBatchSize, Measured measured) {
    double flops =
        6.0 * WeightNames.activeParameterCount(config)
            + 6.0 * config.numHiddenLayers() * config.hiddenSize() * plan.sequenceLength;
    double rate = measured.tokensPerSecond * flops;
    double milliseconds = 1e3 * microBatchSize * plan.sequenceLength / measured.tokensPerSecond;
    System.out.printf(
        Locale.ROOT,
        "%-8s %11d %,12.0f %10.2f %9.1f %8.1f%% %6.1f%% %9.2f %9.0f %8s %7s %9s %13.1f%n",
        size,
        microBatchSize,
        measured.tokensPerSecond,
        milliseconds,
        1e9 / measured.tokensPerSecond,
        100 * rate / REACHABLE_FLOPS,
        100 * rate / PEAK_FLOPS,
        measured.bytes / (double) (1L << 30),
        measured.launches,
        told(measured.seen, "%.0f", s -> s.launches() / (double) WATCHED_STEPS),
        told(measured.seen, "%.1f%%", s -> 100 * idleShare(s, milliseconds)),
        told(measured.seen, "%.1f%%", s -> 100 * s.idleShare()),
        measured.firstStep);
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("bench", "train");
    row.put("size", size);
    row.put("device", plan.device.toString());
    row.put("precision", plan.precision.toString());
    row.put("fused", measured.launches > 0);
    row.put("recorded", measured.recorded);
    row.put("microBatchSize", microBatchSize);
    row.put("sequenceLength", plan.sequenceLength);
    row.put("recompute", plan.recompute.toString());
    row.put("tokensPerSecond", Math.round(measured.tokensPerSecond));
    row.put("millisecondsPerStep", milliseconds);
    row.put("teraflopsPerSecond", rate / 1e12);
    row.put("bytesUsed", measured.bytes);
    row.put("launchesPerStep", measured.launches);
    measured.seen.ifPresent(s -> row.put("kernelsPerStep", s.launches() / WATCHED_STEPS));
    measured.seen.ifPresent(s -> row.put("idleShare", idleShare(s, milliseconds)));
    measured.seen.ifPresent(s -> row.put("idleShareSeen", s.idleShare()));
    row.put("secondsToFirstStep", measured.firstStep);
    row.put("loss", measured.loss);
    System.out.println(new Gson().toJson(row));
    measured.seen.ifPresent(s -> tell(s, plan.kernels));
  }

  private static String told(Optional<Seen> seen, String form, ToDoubleFunction<Seen> figure) {
    return seen.map(s -> String.format(Locale.ROOT, form, figure.applyAsDouble(s))).orElse("-");
  }

  /** The kernels of a step that take longest. */
  private static void tell(Seen seen, int most) {
    double all = seen.kernels().stream().mapToDouble(KernelTime::seconds).sum();
    for (KernelTime kernel : seen.kernels().subList(0, Math.min(most, seen.kernels().size()))) {
      System.out.printf(
          Locale.ROOT,
          "  %9.1f us %5.1f%% %5d x %s%n",
          1e6 * kernel.seconds() / WATCHED_STEPS,
          100 * kernel.seconds() / all,
          kernel.launches() / WATCHED_STEPS,
          kernel.name().substring(0, Math.min(NAME_LENGTH, kernel.name().length())));
    }
  }
}
