package dev.smalldoge.bench;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.Gson;
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
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * The loss guard: BFLOAT16, recorded and fused, against FLOAT32 on a text.
 *
 * <p>At every step of a FLOAT32 run both also take that step's loss and gradient norm from the same
 * weights: these differ by rounding alone, and must stay within 2e-3 and 1 %. Beside them stands
 * FLOAT32 arithmetic on weights that were rounded to BFLOAT16: what no arithmetic in that type can
 * be expected to beat. Then each runs by itself. Rounding decides which way such a run's noise
 * falls, so beside it stands how far a FLOAT32 run strays whose weights started one rounding away,
 * and none may stray more than three times as far where that is beyond the tolerances. Runs are
 * compared by their means.
 */
public final class GuardBench {
  private static final double LOSS_TOLERANCE = 2e-3;
  private static final double NORM_TOLERANCE = 1e-2;
  private static final int WARM_UP = 20;
  private static final double PEAK = 1e-3;
  private static final int BLAMED = 6;

  /** Ways to compute beside FLOAT32, by the names that {@link Plan#paths} takes. */
  public static final List<String> PATHS = List.of("recorded", "fused", "rounded", "nudged");

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
   * @param paths names among {@link #PATHS}
   * @param freeRuns whether each then trains by itself too
   */
  public record Plan(
      Device device,
      String size,
      int microBatchSize,
      int accumulation,
      int length,
      int steps,
      List<String> paths,
      boolean freeRuns) {}

  /** A way to compute, and what it found a step. */
  private final class Curve {
    final String name;
    final Precision precision;
    final boolean fuse;
    final boolean nudge;
    final double[] losses = new double[steps];
    final double[] norms = new double[steps];
    final List<Map<String, Double>> parts = new ArrayList<>();

    Curve(String name, Precision precision, boolean fuse, boolean nudge) {
      this.nudge = nudge;
      this.name = name;
      this.precision = precision;
      this.fuse = fuse;
    }

    DogeForCausalLm over(Weights weights) {
      DogeForCausalLm model = new DogeForCausalLm(config, weights, precision);
      model.fuse(fuse);
      return model;
    }
  }

  /**
   * Prints what the paths differ by; whether all stay within the tolerances.
   *
   * @param text the ids of a text, of which a step takes stretches at random
   */
  public static boolean run(Plan plan, int... text) {
    for (String path : plan.paths) {
      check(PATHS.contains(path), "path \"%s\" is not known; use %s", path, PATHS);
    }
    check(
        text.length > plan.length,
        "the text has %d tokens, fewer than a sequence of %d; give a longer one",
        text.length,
        plan.length);
    GuardBench bench = new GuardBench(plan, text);
    Curve exact = bench.new Curve("fp32", Precision.FLOAT32, false, false);
    boolean same = bench.sameWeights(exact);
    return (!plan.freeRuns || bench.freeRuns(exact)) && same;
  }

  /** The BFLOAT16 paths. */
  private List<Curve> narrow() {
    List<Curve> curves = new ArrayList<>();
    if (plan.paths.contains("recorded")) {
      curves.add(new Curve("bf16", Precision.BFLOAT16, false, false));
    }
    if (plan.paths.contains("fused")) {
      curves.add(new Curve("bf16 fused", Precision.BFLOAT16, true, false));
    }
    return curves;
  }

  private boolean sameWeights(Curve exact) {
    List<Curve> curves = narrow();
    curves.add(0, exact);
    Curve ofRounded = new Curve("bf16 weights", Precision.FLOAT32, false, false);
    if (plan.paths.contains("rounded")) {
      curves.add(ofRounded);
    }
    try (TensorScope all = new TensorScope();
        Weights weights = Weights.initialize(config, operations, 233)) {
      weights.train(name -> true);
      Weights rounded = weights.copy();
      rounded.train(name -> true);
      List<DogeForCausalLm> models =
          curves.stream().map(c -> c.over(c == ofRounded ? rounded : weights)).toList();
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
      models.forEach(DogeForCausalLm::close);
    }
    boolean holds = true;
    for (Curve curve : curves.subList(1, curves.size())) {
      blame(exact, curve);
      holds &=
          report(
              "same weights, worst step",
              curve,
              exact,
              curve == ofRounded ? Bounds.NONE : new Bounds(LOSS_TOLERANCE, NORM_TOLERANCE),
              worst(exact.losses, curve.losses),
              worst(exact.norms, curve.norms));
    }
    return holds;
  }

  /**
   * Prints how the norm's errors are spread over the steps, and which arrays' gradients make the
   * worst: one of few, in which the gradient of a single row magnifies all rounding.
   */
  private static void blame(Curve exact, Curve narrow) {
    double[] errors = new double[exact.norms.length];
    int worst = 0;
    for (int i = 0; i < errors.length; i++) {
      errors[i] = Math.abs(narrow.norms[i] / exact.norms[i] - 1);
      worst = errors[i] > errors[worst] ? i : worst;
    }
    double[] sorted = errors.clone();
    Arrays.sort(sorted);
    System.out.printf(
        Locale.ROOT,
        "%s: gradNorm off by at most %.1e in half of the steps, %.1e in 95 of 100; by more than"
            + " %.0e in %d of %d%n",
        narrow.name,
        sorted[sorted.length / 2],
        sorted[95 * sorted.length / 100],
        NORM_TOLERANCE,
        Arrays.stream(errors).filter(e -> e > NORM_TOLERANCE).count(),
        errors.length);
    int step = worst;
    double square = exact.norms[step] * exact.norms[step];
    Map<String, Double> shares = new LinkedHashMap<>();
    exact
        .parts
        .get(step)
        .forEach(
            (name, norm) -> {
              double found = narrow.parts.get(step).get(name);
              shares.put(name, (found * found - norm * norm) / (2 * square));
            });
    System.out.printf(
        Locale.ROOT, "%s: step %d, gradNorm %.4f%n", narrow.name, step, exact.norms[step]);
    shares.entrySet().stream()
        .sorted(Comparator.comparingDouble(e -> -Math.abs(e.getValue())))
        .limit(BLAMED)
        .forEach(
            e ->
                System.out.printf(
                    Locale.ROOT,
                    "  %+.2e of it by %s, whose norm is %.4f and should be %.4f%n",
                    e.getValue(),
                    e.getKey(),
                    narrow.parts.get(step).get(e.getKey()),
                    exact.parts.get(step).get(e.getKey())));
  }

  /** Trains each path by itself, on what the exact run of before was trained on. */
  private boolean freeRuns(Curve exact) {
    List<Curve> curves = narrow();
    if (plan.paths.contains("nudged")) {
      curves.add(0, new Curve("fp32 nudged", Precision.FLOAT32, false, true));
    }
    for (Curve curve : curves) {
      try (TensorScope all = new TensorScope();
          DogeForCausalLm model = curve.over(Weights.initialize(config, operations, 233))) {
        if (curve.nudge) {
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
    double lossTolerance = LOSS_TOLERANCE;
    double normTolerance = NORM_TOLERANCE;
    for (Curve curve : curves) {
      double lossError = Math.abs(mean(curve.losses) / mean(exact.losses) - 1);
      double normError = Math.abs(mean(curve.norms) / mean(exact.norms) - 1);
      if (curve.nudge) {
        lossTolerance = Math.max(lossTolerance, 3 * lossError);
        normTolerance = Math.max(normTolerance, 3 * normError);
      }
      Bounds bounds = new Bounds(lossTolerance, normTolerance);
      holds &= report("run by itself, mean", curve, exact, bounds, lossError, normError);
    }
    return holds;
  }

  /** Takes weights as they are once rounded to BFLOAT16. */
  private void round(Weights from, Weights to) {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      from.byName()
          .forEach(
              (name, weight) ->
                  operations.copyInto(to.get(name), operations.cast(weight, DType.BFLOAT16)));
    }
  }

  private void nudge(Tensor weight) {
    float[] values = weight.toFloats();
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.nextUp(values[i]);
    }
    operations.copyInto(weight, operations.floats(values, weight.shape()));
  }

  /** How far loss and gradient norm may be off, relative. */
  private record Bounds(double loss, double norm) {
    static final Bounds NONE = new Bounds(Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY);
  }

  private void measure(DogeForCausalLm model, Curve curve, int step) {
    double counted = (double) plan.accumulation * plan.microBatchSize * (plan.length - 1);
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      SplittableRandom random = new SplittableRandom(233L + step);
      for (int part = 0; part < plan.accumulation; part++) {
        try (TensorScope pass = new TensorScope()) {
          ModelInput input = ModelInput.of(operations, batch(random));
          Tensor nats = model.backward(input, input.inputIds(), 1 / counted, 0).nats();
          curve.losses[step] += nats.item() / counted;
        }
      }
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

  private static double rate(int step) {
    return PEAK * Math.min(1, (step + 1.0) / WARM_UP);
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

  private static double worst(double[] exact, double[] narrow) {
    double worst = 0;
    for (int i = 0; i < exact.length; i++) {
      worst = Math.max(worst, Math.abs(narrow[i] / exact[i] - 1));
    }
    return worst;
  }

  private static double mean(double[] values) {
    return Arrays.stream(values).average().orElseThrow();
  }

  private static boolean report(
      String what, Curve curve, Curve exact, Bounds bounds, double lossError, double normError) {
    int last = exact.losses.length - 1;
    boolean holds = lossError <= bounds.loss && normError <= bounds.norm;
    System.out.printf(
        Locale.ROOT,
        "%-4s %-24s %-11s loss %.4f -> %.4f (fp32 %.4f) off by %.1e (at most %.0e), gradNorm by"
            + " %.1e (at most %.0e)%n",
        holds ? "ok" : "FAIL",
        what,
        curve.name,
        curve.losses[0],
        curve.losses[last],
        exact.losses[last],
        lossError,
        bounds.loss,
        normError,
        bounds.norm);
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("bench", "guard");
    row.put("kind", what);
    row.put("name", curve.name);
    row.put("lossError", lossError);
    row.put("gradNormError", normError);
    row.put("losses", curve.losses);
    row.put("exactLosses", exact.losses);
    row.put("gradNorms", curve.norms);
    row.put("exactGradNorms", exact.norms);
    System.out.println(new Gson().toJson(row));
    return holds;
  }
}
