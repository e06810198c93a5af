package dev.smalldoge.bench;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.Weights;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * The loss guard: BFLOAT16, recorded and fused, against FLOAT32 on a text.
 *
 * <p>At every step of a FLOAT32 run both also take that step's loss and gradient norm from the same
 * weights: these differ by rounding alone. Losses must stay within 2e-3, and 95 of 100 gradient
 * norms within 1 %. Beside them stands FLOAT32 arithmetic on matrices that were rounded to
 * BFLOAT16, which no arithmetic in that type can be expected to beat: of that, losses and norms
 * must stay within 2e-3 and 1 % in every step. Then each runs by itself. Rounding decides which way
 * such a run's noise falls, so beside it stands how far a FLOAT32 run strays whose weights started
 * one rounding away, and none may stray more than three times as far where that is beyond the
 * tolerances. Runs are compared by their means.
 */
public final class GuardBench {
  private static final int WARM_UP = 20;
  private static final int LARGEST = 4;
  private static final String ROUND = "rounded";
  private static final String NUDGE = "nudged";
  private static final String NUDGED = "fp32 nudged";
  private static final String ROUNDED = "bf16 matrices";
  private static final String MOST = "same weights, 95 of 100";

  /** Ways to compute beside FLOAT32, by the names that {@link Plan#paths} takes. */
  public static final List<String> PATHS = List.of("recorded", "fused", ROUND, NUDGE);

  private final Plan plan;
  private final ModelConfig config;
  private final Operations operations;
  private final int steps;
  private final int[] text;

  private GuardBench(Plan plan, int... text) {
    this.plan = plan;
    this.config = TrainBench.config(plan.size);
    this.operations = Operations.on(plan.device);
    this.steps = plan.steps;
    this.text = text;
  }

  /**
   * What is compared.
   *
   * @param device where
   * @param size a name that {@link TrainBench.Plan#sizes} takes
   * @param microBatchSize sequences a forward
   * @param accumulation micro-batches a step
   * @param length tokens a sequence
   * @param steps steps of a run
   * @param rate learning rate after the first 20 steps, in which it grows
   * @param paths names among {@link #PATHS}
   * @param freeRuns whether each then trains by itself too
   * @param batches more batches, whose gradients' errors are told apart into chance and bias
   */
  public record Plan(
      Device device,
      String size,
      int microBatchSize,
      int accumulation,
      int length,
      int steps,
      double rate,
      List<String> paths,
      boolean freeRuns,
      int batches) {

    /** At a rate at which FLOAT32 itself is stable; minutes on either kind of device. */
    public static Plan usual(Device device) {
      return device.isGpu()
          ? new Plan(device, "20M", 64, 2, 512, 200, 5e-5, List.of("fused", ROUND, NUDGE), true, 16)
          : new Plan(
              device, "tiny", 4, 1, 64, 200, 2e-4, List.of("recorded", ROUND, NUDGE), true, 16);
    }
  }

  private DogeForCausalLm model(GuardCurve curve, Weights weights) {
    DogeForCausalLm model = new DogeForCausalLm(config, weights, curve.precision);
    model.fuse(curve.fuse);
    return model;
  }

  private GuardCurve curve(String name, Precision precision, boolean fuse) {
    return new GuardCurve(name, precision, fuse, steps);
  }

  /**
   * Prints what the paths differ by; whether all stay within the tolerances.
   *
   * @param text the ids of a text, of which a step takes stretches at random
   */
  public static boolean run(Plan plan, int... text) {
    for (String path : plan.paths) {
      check(PATHS.contains(path), "path \"%s\" is not known; use %s", path, PATHS);
      check(
          plan.device.isGpu() || !path.equals("fused"),
          "path \"fused\" is of a GPU, and this device is %s; use recorded",
          plan.device);
    }
    check(
        text.length > plan.length,
        "the text has %d tokens, fewer than a sequence of %d; give a longer one",
        text.length,
        plan.length);
    GuardBench bench = new GuardBench(plan, text);
    GuardCurve exact = bench.curve("fp32", Precision.FLOAT32, false);
    boolean same = bench.sameWeights(exact);
    return (!plan.freeRuns || bench.freeRuns(exact)) && same;
  }

  /** The BFLOAT16 paths. */
  private List<GuardCurve> narrow() {
    List<GuardCurve> curves = new ArrayList<>();
    if (plan.paths.contains("recorded")) {
      curves.add(curve("bf16", Precision.BFLOAT16, false));
    }
    if (plan.paths.contains("fused")) {
      curves.add(curve("bf16 fused", Precision.BFLOAT16, true));
    }
    return curves;
  }

  private boolean sameWeights(GuardCurve exact) {
    List<GuardCurve> curves = narrow();
    curves.add(0, exact);
    if (rounds()) {
      curves.add(curve(ROUNDED, Precision.FLOAT32, false));
    }
    try (TensorScope all = new TensorScope();
        Weights weights = Weights.initialize(config, operations, 233)) {
      weights.train(name -> true);
      Weights rounded = rounds() ? weights.copy() : weights;
      rounded.train(name -> true);
      List<DogeForCausalLm> models =
          curves.stream().map(c -> model(c, c.name.equals(ROUNDED) ? rounded : weights)).toList();
      try (AdamW optimizer = new AdamW(weights, AdamW.Settings.PRETRAINING)) {
        for (int step = 0; step < steps; step++) {
          round(weights, rounded);
          for (int i = models.size() - 1; i >= 0; i--) { // fp32 last: its gradients are used
            measure(models.get(i), curves.get(i), step);
            if (i > 0) {
              operations.zero(List.copyOf(models.get(i).weights().gradients().values()));
            }
          }
          optimizer.update(rate(step)).close();
        }
      }
      round(weights, rounded);
      bias(models, curves);
      models.forEach(DogeForCausalLm::close);
    }
    boolean holds = true;
    for (GuardCurve curve : curves.subList(1, curves.size())) {
      GuardReport.blame(exact, curve);
      if (!curve.name.equals(ROUNDED)) {
        double lossError = GuardReport.worst(exact.losses, curve.losses);
        double most = GuardReport.most(exact.norms, curve.norms);
        holds &= GuardReport.report(MOST, curve, exact, GuardReport.BOUNDS, lossError, most);
        if (rounds()) {
          holds &= besideRounded(last(curves), curve);
        }
      }
    }
    return holds;
  }

  /** Whether rounded matrices are among the paths; they then are the last curve. */
  private boolean rounds() {
    return plan.paths.contains(ROUND);
  }

  private static GuardCurve last(List<GuardCurve> curves) {
    return curves.get(curves.size() - 1);
  }

  private static boolean besideRounded(GuardCurve rounded, GuardCurve curve) {
    GuardReport.spread(rounded, curve);
    return GuardReport.report(
        "same matrices, worst step",
        curve,
        rounded,
        GuardReport.BOUNDS,
        GuardReport.worst(rounded.losses, curve.losses),
        GuardReport.worst(rounded.norms, curve.norms));
  }

  /** Two curves whose gradients are compared: positions of the one and of what it should be. */
  private record Compared(int found, int wanted, GradientErrors errors) {}

  /**
   * Prints how much of the errors of the trained weights' gradients is bias. Rounded matrices are
   * the same in every batch, so what they do is a bias; what arithmetic adds must be chance.
   */
  private void bias(List<DogeForCausalLm> models, List<GuardCurve> curves) {
    List<Compared> all = new ArrayList<>();
    int end = curves.size() - 1;
    for (int i = 1; i <= end; i++) {
      all.add(new Compared(i, 0, new GradientErrors()));
      if (i < end && rounds()) {
        all.add(new Compared(i, end, new GradientErrors()));
      }
    }
    for (int batch = 0; batch < plan.batches; batch++) {
      List<Map<String, float[]>> gradients = new ArrayList<>();
      for (DogeForCausalLm model : models) {
        gradients.add(gradients(model, batch));
      }
      all.forEach(c -> c.errors.add(gradients.get(c.wanted), gradients.get(c.found)));
    }
    for (int i = 0; i < all.size() && plan.batches > 0; i++) {
      Compared compared = all.get(i);
      System.out.printf(
          Locale.ROOT,
          "%s beside %s: the gradient off by %.2e of its norm, the mean of %d by %.2e (%.2e if by"
              + " chance), along it by %+.1e%n",
          curves.get(compared.found).name,
          curves.get(compared.wanted).name,
          compared.errors.ofOne(),
          plan.batches,
          compared.errors.ofMean(),
          compared.errors.ofMeanByChance(),
          compared.errors.along());
      compared
          .errors
          .largest(LARGEST)
          .forEach(
              (name, part) ->
                  System.out.printf(Locale.ROOT, "  %2.0f %% of it by %s%n", 100 * part, name));
    }
  }

  /** Of a batch that no step had. */
  private Map<String, float[]> gradients(DogeForCausalLm model, int batch) {
    Map<String, float[]> gradients = new LinkedHashMap<>();
    pass(model, steps + batch);
    model.weights().gradients().forEach((name, g) -> gradients.put(name, g.toFloats()));
    operations.zero(List.copyOf(model.weights().gradients().values()));
    return gradients;
  }

  /** Trains each path by itself, on what the exact run of before was trained on. */
  private boolean freeRuns(GuardCurve exact) {
    List<GuardCurve> curves = narrow();
    if (plan.paths.contains(NUDGE)) {
      curves.add(0, curve(NUDGED, Precision.FLOAT32, false));
    }
    for (GuardCurve curve : curves) {
      try (TensorScope all = new TensorScope();
          DogeForCausalLm model = model(curve, Weights.initialize(config, operations, 233))) {
        if (curve.name.equals(NUDGED)) {
          model.weights().byName().values().forEach(this::nudge);
        }
        model.weights().train(name -> true);
        try (AdamW optimizer = new AdamW(model.weights(), AdamW.Settings.PRETRAINING)) {
          for (int step = 0; step < steps; step++) {
            measure(model, curve, step);
            optimizer.update(rate(step)).close();
          }
        }
      }
    }
    boolean holds = true;
    double lossTolerance = GuardReport.LOSS_TOLERANCE;
    double normTolerance = GuardReport.NORM_TOLERANCE;
    for (GuardCurve curve : curves) {
      double lossError =
          Math.abs(GuardReport.mean(curve.losses) / GuardReport.mean(exact.losses) - 1);
      double normError =
          Math.abs(GuardReport.mean(curve.norms) / GuardReport.mean(exact.norms) - 1);
      if (curve.name.equals(NUDGED)) {
        lossTolerance = Math.max(lossTolerance, 3 * lossError);
        normTolerance = Math.max(normTolerance, 3 * normError);
      }
      GuardReport.Bounds bounds = new GuardReport.Bounds(lossTolerance, normTolerance);
      holds &=
          GuardReport.report("run by itself, mean", curve, exact, bounds, lossError, normError);
    }
    return holds;
  }

  /** Takes weights as a BFLOAT16 step reads them: its matrices rounded, the others as they are. */
  private void round(Weights from, Weights to) {
    if (!rounds()) {
      return;
    }
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      from.byName()
          .forEach(
              (name, weight) -> {
                boolean matrix = weight.shape().length == 2 && !name.contains("dt_proj");
                DType type = matrix ? DType.BFLOAT16 : DType.FLOAT32;
                operations.copyInto(to.get(name), operations.cast(weight, type));
              });
    }
  }

  private void nudge(Tensor weight) {
    float[] values = weight.toFloats();
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.nextUp(values[i]);
    }
    operations.copyInto(weight, operations.floats(values, weight.shape()));
  }

  /** Adds a step's gradients; its loss. */
  private double pass(DogeForCausalLm model, int step) {
    double counted = (double) plan.accumulation * plan.microBatchSize * (plan.length - 1);
    double loss = 0;
    SplittableRandom random = new SplittableRandom(233L + step);
    for (int part = 0; part < plan.accumulation; part++) {
      try (TensorScope scope = new TensorScope()) {
        ModelInput input = ModelInput.of(operations, batch(random));
        Tensor nats = model.backward(input, input.inputIds(), 1 / counted, 0).nats();
        loss += nats.item() / counted;
      }
    }
    return loss;
  }

  private void measure(DogeForCausalLm model, GuardCurve curve, int step) {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      curve.losses[step] = pass(model, step);
      List<Tensor> gradients = List.copyOf(model.weights().gradients().values());
      curve.norms[step] = operations.optimizer().globalNorm(gradients).item();
      Map<String, Double> parts = new LinkedHashMap<>();
      model
          .weights()
          .gradients()
          .forEach(
              (name, g) -> parts.put(name, operations.optimizer().globalNorm(List.of(g)).item()));
      curve.parts.add(parts);
    }
  }

  private double rate(int step) {
    return plan.rate * Math.min(1, (step + 1.0) / WARM_UP);
  }

  private long[][] batch(SplittableRandom random) {
    long[][] ids = new long[plan.microBatchSize][plan.length];
    for (long[] row : ids) {
      int start = random.nextInt(text.length - plan.length);
      for (int i = 0; i < plan.length; i++) {
        row[i] = text[start + i];
      }
    }
    return ids;
  }
}
