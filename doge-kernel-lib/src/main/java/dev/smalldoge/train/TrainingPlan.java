package dev.smalldoge.train;

import static dev.smalldoge.config.Checks.check;

import ai.djl.util.cuda.CudaUtils;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.Recompute;
import dev.smalldoge.config.World;
import dev.smalldoge.io.WeightNames;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.Precision;
import dev.smalldoge.optim.LearningRateSchedule;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.FusedAttention;
import dev.smalldoge.torch.FusedKernels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * What a run will need, said before its first step: parameters by part, FLOPs per token, memory
 * against what is free, hours, and the schedule drawn.
 *
 * @param config the model
 * @param device where it will train
 * @param precision the type it computes in
 * @param microBatchSize sequences per forward
 * @param sequenceLength tokens per sequence
 * @param gradientAccumulationSteps forwards per update
 * @param maxSteps updates
 * @param recompute which activations are computed again for the backward pass
 * @param schedule learning rate of each step
 */
public record TrainingPlan(
    ModelConfig config,
    Device device,
    Precision precision,
    int microBatchSize,
    int sequenceLength,
    int gradientAccumulationSteps,
    long maxSteps,
    Recompute recompute,
    LearningRateSchedule schedule) {
  /** Achieved share of a device's peak that the hours are predicted with. */
  private static final double EXPECTED_UTILIZATION = 0.3;

  private static final double GPU_FLOPS = 400e12;
  private static final double CPU_FLOPS_PER_CORE = 30e9;

  /** Tokens of one update. */
  public long tokensPerStep() {
    return (long) microBatchSize * sequenceLength * gradientAccumulationSteps;
  }

  /** Tokens of the whole run. */
  public long totalTokens() {
    return tokensPerStep() * maxSteps;
  }

  /**
   * Arithmetic of one token, forward and backward: 6 per weight that multiplies it, the head
   * included, and 12 · layers · hiddenSize · sequenceLength / 2 for causal attention.
   */
  public double flopsPerToken() {
    double weights = 6.0 * WeightNames.activeParameterCount(config);
    double attention = 6.0 * config.numHiddenLayers() * config.hiddenSize() * sequenceLength;
    return weights + attention;
  }

  /** Bytes of weights, gradients and the two moments: 16 a parameter. */
  public long stateBytes() {
    return 16 * WeightNames.parameterCount(config);
  }

  /**
   * Bytes that a forward pass keeps for its backward pass, and those of the head's chunk; counted
   * from the arrays that each script saves, within about a third of what is seen.
   */
  public long activationBytes() {
    if (DogeForCausalLm.fusesOn(config, device, precision)) {
      return fusedBytes();
    }
    long tokens = (long) microBatchSize * sequenceLength;
    long element = precision == Precision.BFLOAT16 ? 2 : 4;
    long d = config.hiddenSize();
    boolean folds = sequenceLength <= config.keepWindowSize();
    long scores =
        folds ? 0 : 3L * 4 * config.numAttentionHeads() * sequenceLength; // (H, T) a token
    long perLayer = element * (24 * d + 5L * config.intermediateSize()) + 4 * 4 * d + scores;
    if (config.isMoe()) {
      perLayer += 2 * element * config.numExpertsPerTok() * d;
    }
    long kept =
        recompute != Recompute.NOTHING
            ? element * d * config.numHiddenLayers() + perLayer
            : perLayer * config.numHiddenLayers();
    long head = 3L * (128L << 20);
    return tokens * kept + head + 2 * element * WeightNames.parameterCount(config);
  }

  /** What the fused step keeps and works in; counted array by array, within 8 % of what is seen. */
  long fusedBytes() {
    long tokens = (long) microBatchSize * sequenceLength;
    long d = config.hiddenSize();
    long heads = config.numAttentionHeads();
    long groups = config.numKeyValueHeads();
    long all = (heads + 2 * groups) * FusedKernels.HEAD_WIDTH;
    long folded = (heads + groups) * FusedAttention.FOLDED_WIDTH;
    long gates = 2 * 2L * config.intermediateSize();
    long input = 2 * d;
    long rest = 2 * (4 * d + all + folded) + 4 * (2 + groups + heads);
    long shared = 2 * (7 * d + 2 * all + folded + config.intermediateSize());
    shared += 4 * heads * FusedAttention.FOLDED_WIDTH; // where cuDNN sums the queries' gradient
    long experts = config.isMoe() ? 8L * config.numKeys() + 12L * config.numExpertsPerTok() : 0;
    long kept =
        switch (recompute) {
          case NOTHING -> gates + input + rest + experts;
          case MLP -> input + rest + experts;
          case LAYERS -> input + experts;
        };
    long again = gates + input + rest + experts - kept; // which all layers share
    long head = 512L << 20;
    return tokens * (kept * config.numHiddenLayers() + again + shared)
        + head
        + 2 * WeightNames.parameterCount(config);
  }

  /** Bytes that are free on the device now. */
  public long freeBytes() {
    if (device.isGpu()) {
      var memory = CudaUtils.getGpuMemory(ai.djl.Device.gpu(device.index()));
      return memory.getMax() - memory.getUsed();
    }
    try {
      for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
        if (line.startsWith("MemAvailable:")) {
          return 1024 * Long.parseLong(line.replaceAll("\\D", ""));
        }
      }
    } catch (IOException notLinux) {
      return Long.MAX_VALUE; // elsewhere nothing tells, so nothing is refused
    }
    return Long.MAX_VALUE;
  }

  /** Hours that the run will take on this kind of device, all ranks at work; a rough figure. */
  public double hours() {
    double peak =
        device.isGpu()
            ? GPU_FLOPS * World.ofEnvironment().size()
            : CPU_FLOPS_PER_CORE * Runtime.getRuntime().availableProcessors();
    return totalTokens() * flopsPerToken() / (peak * EXPECTED_UTILIZATION) / 3600;
  }

  /**
   * Refuses a run that cannot fit.
   *
   * @throws dev.smalldoge.config.DogeException with what is needed, what is free, and the remedy
   */
  public void requireRoom() {
    long needed = stateBytes() + activationBytes();
    long free = freeBytes();
    String remedy =
        microBatchSize > 1
            ? String.format(
                Locale.ROOT,
                "halve microBatchSize to %d and double gradientAccumulationSteps to %d: same"
                    + " gradient, about half the activation memory",
                microBatchSize / 2,
                2 * gradientAccumulationSteps)
            : recompute == Recompute.LAYERS
                ? "take a smaller model or a shorter sequence"
                : "set recompute to true";
    check(
        needed <= free,
        "This run needs about %s, and %s are free on %s; %s",
        size(needed),
        size(free),
        device,
        remedy);
  }

  private static String size(long bytes) {
    double mebibytes = bytes / (double) (1L << 20);
    return mebibytes < 100
        ? String.format(Locale.ROOT, "%.0f MiB", mebibytes)
        : String.format(Locale.ROOT, "%.1f GiB", mebibytes / 1024);
  }

  private String parametersByPart() {
    long total = WeightNames.parameterCount(config);
    StringBuilder text = new StringBuilder();
    WeightNames.countsByPart(config)
        .forEach(
            (part, count) ->
                text.append(
                    String.format(
                        Locale.ROOT,
                        "%-16s %,14d  %4.1f %%%n",
                        part,
                        count,
                        100.0 * count / total)));
    return text.append(String.format(Locale.ROOT, "%-16s %,14d", "parameters", total)).toString();
  }

  /** The learning rate over the steps of the run. */
  public ScheduleChart scheduleChart() {
    return new ScheduleChart(schedule, maxSteps);
  }

  /** The same figures as {@link #toString}, with the schedule as a picture. */
  public String toHtml() {
    return "<pre>"
        + figures().replace("&", "&amp;").replace("<", "&lt;")
        + "</pre>"
        + scheduleChart().toHtml();
  }

  @Override
  public String toString() {
    return figures() + "\n" + scheduleChart();
  }

  private String figures() {
    return parametersByPart()
        + String.format(
            Locale.ROOT,
            "%nFLOPs per token  %,.0f M%n"
                + "tokens per step  %,d (%d x %d x %d)%n"
                + "tokens in all    %,d in %,d steps%n"
                + "memory           %s for weights, gradients and moments,%n"
                + "                 about %s for activations; %s free on %s%n"
                + "time             about %s on this kind of device",
            flopsPerToken() / 1e6,
            tokensPerStep(),
            microBatchSize,
            sequenceLength,
            gradientAccumulationSteps,
            totalTokens(),
            maxSteps,
            size(stateBytes()),
            size(activationBytes()),
            freeBytes() == Long.MAX_VALUE ? "unknown" : size(freeBytes()),
            device,
            time(hours()));
  }

  private static String time(double hours) {
    return hours < 1
        ? String.format(Locale.ROOT, "%.0f min", Math.max(1, 60 * hours))
        : String.format(Locale.ROOT, "%,.1f h", hours);
  }
}
