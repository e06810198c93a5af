package dev.smalldoge.bench;

import com.google.gson.Gson;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;

/** What {@link GuardBench} prints of two curves. */
final class GuardReport {
  static final double LOSS_TOLERANCE = 2e-3;
  static final double NORM_TOLERANCE = 1e-2;
  static final Bounds BOUNDS = new Bounds(LOSS_TOLERANCE, NORM_TOLERANCE);
  private static final int BLAMED = 6;

  private GuardReport() {}

  /** How far loss and gradient norm may be off, relative. */
  record Bounds(double loss, double norm) {}

  /** Prints how the norm's errors are spread over the steps. */
  static void spread(GuardCurve exact, GuardCurve narrow) {
    double[] sorted = sorted(exact.norms, narrow.norms);
    System.out.printf(
        Locale.ROOT,
        "%s beside %s: gradNorm off by at most %.1e in half of the steps, %.1e in 95 of 100; by"
            + " more than %.0e in %d of %d%n",
        narrow.name,
        exact.name,
        sorted[sorted.length / 2],
        most(sorted),
        NORM_TOLERANCE,
        Arrays.stream(sorted).filter(e -> e > NORM_TOLERANCE).count(),
        sorted.length);
  }

  /**
   * Prints which arrays' gradients make the norm's worst error: one of few, in which the gradient
   * of a single row magnifies all rounding.
   */
  static void blame(GuardCurve exact, GuardCurve narrow) {
    spread(exact, narrow);
    double[] errors = errors(exact.norms, narrow.norms);
    int step =
        IntStream.range(0, errors.length)
            .boxed()
            .max(Comparator.comparingDouble(i -> errors[i]))
            .orElseThrow();
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

  static double worst(double[] exact, double[] narrow) {
    return Arrays.stream(errors(exact, narrow)).max().orElseThrow();
  }

  /** What 95 of 100 errors do not pass. */
  static double most(double[] exact, double[] narrow) {
    return most(sorted(exact, narrow));
  }

  private static double most(double... sorted) {
    return sorted[95 * sorted.length / 100];
  }

  private static double[] sorted(double[] exact, double[] narrow) {
    double[] sorted = errors(exact, narrow);
    Arrays.sort(sorted);
    return sorted;
  }

  private static double[] errors(double[] exact, double[] narrow) {
    double[] errors = new double[exact.length];
    Arrays.setAll(errors, i -> Math.abs(narrow[i] / exact[i] - 1));
    return errors;
  }

  static double mean(double[] values) {
    return Arrays.stream(values).average().orElseThrow();
  }

  static boolean report(
      String what,
      GuardCurve curve,
      GuardCurve exact,
      Bounds bounds,
      double lossError,
      double normError) {
    int last = exact.losses.length - 1;
    boolean holds = lossError <= bounds.loss && normError <= bounds.norm;
    System.out.printf(
        Locale.ROOT,
        "%-4s %-25s %-11s loss %.4f -> %.4f (%s %.4f) off by %.1e (at most %.0e), gradNorm by"
            + " %.1e (at most %.0e)%n",
        holds ? "ok" : "FAIL",
        what,
        curve.name,
        curve.losses[0],
        curve.losses[last],
        exact.name,
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
