package dev.smalldoge.eval;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.ModelConfig.Routing;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.TensorScope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * Compares our model with figures that Hugging Face transformers computed for the same weights.
 *
 * <p>A case is a folder with {@code config.json}, {@code model.safetensors} and {@code
 * golden.safetensors}: logits, loss, every gradient, a padded batch, greedy output and a short
 * AdamW run (warm-up 3, decay 4, peak 3e-3, betas 0.9 and 0.95, decay 0.01 on every weight, clip at
 * 1). {@code logits}, {@code loss} and every gradient must be there. The padded batch, the greedy
 * output and the run may each be absent as a whole, and {@code aux_loss}, without which losses are
 * taken to have no load-balancing part; the report says so. A figure of a present part that is
 * missing, and one that the model does not have, does not hold; an input that is not used is told.
 *
 * <p>The error of a figure is its largest absolute difference over its largest expected magnitude;
 * for the run's lists, each step over its own magnitude. It may be 1e-5, which is fp32 rounding of
 * sums taken in another order. Where one rounding (2^-24 relative) of every weight already moves a
 * figure by about as much, the order of sums does too, and the tolerance follows from that measured
 * change: three times it for gradients, which differ by cancellation in A and dt_proj, at most
 * 1e-4; ten times it for the run, whose rounding grows with every update, at most 1e-2.
 *
 * <p>Past {@code keepWindowSize} a token that stands twice has two equal biases in the first layer.
 * Which of them stays, the reference leaves to libtorch, and so does this check; elsewhere it is
 * the later one.
 *
 * <p>A case with experts does not say how it was routed; the routing whose logits are closer is
 * taken for all figures and named in the report.
 */
public final class GoldenCheck {
  /**
   * One compared figure.
   *
   * @param name the golden file's name for it
   * @param error worst relative error; infinite where one side lacks the figure
   * @param tolerance largest error that passes
   */
  public record Figure(String name, double error, double tolerance) {
    /** Whether the error is within the tolerance; an error that is no number is not. */
    public boolean holds() {
      return error <= tolerance;
    }
  }

  /**
   * All figures of a case.
   *
   * @param remarks what was not compared, one sentence each
   */
  public record Report(String title, List<Figure> figures, List<String> remarks) {
    /** Whether every figure holds. */
    public boolean holds() {
      return !figures.isEmpty() && figures.stream().allMatch(Figure::holds);
    }

    /** The figure furthest from its tolerance. */
    public Figure worst() {
      return figures.stream()
          .max(Comparator.comparingDouble(f -> f.error / Math.max(f.tolerance, 1e-300)))
          .orElseThrow();
    }

    @Override
    public String toString() {
      StringBuilder text = new StringBuilder(title).append('\n');
      for (Figure f : figures) {
        text.append(
            String.format(
                Locale.ROOT,
                "  %-4s %-60s %.2e (at most %.1e)%n",
                f.holds() ? "ok" : "FAIL",
                f.name,
                f.error,
                f.tolerance));
      }
      remarks.forEach(r -> text.append("  NOT COMPARED: ").append(r).append('\n'));
      return text.toString();
    }
  }

  private static final double TOLERANCE = 1e-5;
  private static final double MOST_FOR_GRADIENTS = 1e-4;
  private static final double MOST_FOR_THE_RUN = 1e-2;

  /** Parts of a case that may be absent as a whole, and an input that says whether one is there. */
  private static final Map<String, String> OPTIONAL =
      Map.of(
          "padded.",
          "padded.input_ids",
          "greedy.",
          "greedy.input_ids",
          "train.",
          "train.input_ids.0");

  /** Inputs, beside the batches of the run, that figures are computed from. */
  private static final Set<String> INPUTS =
      Set.of(
          "input_ids",
          "padded.input_ids",
          "padded.attention_mask",
          "padded.labels",
          "greedy.input_ids");

  private final GoldenCase golden;
  private final List<Figure> figures = new ArrayList<>();
  private final List<String> remarks = new ArrayList<>();

  private GoldenCheck(GoldenCase golden) {
    this.golden = golden;
  }

  /**
   * Runs a case in FLOAT32.
   *
   * @param folder the case
   * @throws dev.smalldoge.config.DogeException if files are missing or do not belong together
   */
  public static Report run(Path folder, Device device) {
    try (GoldenCase golden = GoldenCase.open(folder, Operations.choosingOnHost(device))) {
      return new GoldenCheck(golden).run();
    }
  }

  private Report run() {
    ModelConfig config = routed();
    Map<String, double[]> ours = GoldenFigures.compute(golden, config, 0);
    Map<String, double[]> nudged = GoldenFigures.compute(golden, config, 1);
    Map<String, double[]> nudgedBack = GoldenFigures.compute(golden, config, -1);
    ours.forEach(
        (name, values) -> {
          if (golden.has(name)) {
            boolean each = name.startsWith("train.");
            double spread =
                Math.max(
                    error(values, nudged.get(name), each),
                    error(values, nudgedBack.get(name), each));
            double error = error(golden.doubles(name), values, each);
            figures.add(new Figure(name, error, tolerance(name, spread)));
          } else if (!name.startsWith("trained.")) { // of these a case holds only some
            missing(name);
          }
        });
    if (golden.has("greedy.input_ids")) {
      boolean equal = GoldenGreedy.equalsReference(golden, config);
      figures.add(new Figure("greedy.output_ids", equal ? 0 : 1, 0));
    }
    remark(config, ours);
    return new Report(title(config), figures, remarks);
  }

  /** The case's name, the choices that its figures were compared with, and the device. */
  private String title(ModelConfig config) {
    String name = String.valueOf(golden.folder().toAbsolutePath().normalize().getFileName());
    String routing =
        config.isMoe() ? ", routing " + config.routing().name().toLowerCase(Locale.ROOT) : "";
    boolean chooses = golden.ids("input_ids", 2)[0].length > config.keepWindowSize();
    String kept = chooses ? ", keys of equal bias as libtorch keeps them" : "";
    return name + routing + kept + ", " + golden.operations().device();
  }

  private ModelConfig routed() {
    ModelConfig config = golden.config();
    if (!config.isMoe()) {
      return config;
    }
    ModelConfig perToken = config.with(e -> e.routing = Routing.PER_TOKEN);
    ModelConfig legacy = config.with(e -> e.routing = Routing.LEGACY);
    return logitsError(legacy) < logitsError(perToken) ? legacy : perToken;
  }

  private double logitsError(ModelConfig candidate) {
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = golden.model(candidate)) {
      float[] logits = model.logits(golden.input("input_ids")).toFloats();
      double[] wide = new double[logits.length];
      Arrays.setAll(wide, i -> logits[i]);
      return error(golden.doubles("logits"), wide, false);
    }
  }

  private static double tolerance(String name, double spread) {
    if (name.startsWith("train")) {
      return Math.min(MOST_FOR_THE_RUN, Math.max(TOLERANCE, 10 * spread));
    }
    return name.startsWith("grad.")
        ? Math.min(MOST_FOR_GRADIENTS, Math.max(TOLERANCE, 3 * spread))
        : TOLERANCE;
  }

  private void missing(String name) {
    figures.add(new Figure(name, Double.POSITIVE_INFINITY, TOLERANCE));
    remarks.add(name + " is missing from " + GoldenCase.FIGURES);
  }

  private void remark(ModelConfig config, Map<String, double[]> ours) {
    if (config.isMoe() && !golden.has("aux_loss")) {
      remarks.add("the case has no aux_loss, so its losses are taken to be without one");
    }
    OPTIONAL.forEach(
        (part, input) -> {
          if (!golden.has(input)) {
            remarks.add("the case has no " + part + "*, so that part says nothing");
          }
        });
    if (golden.has("train.input_ids.0")
        && golden.names().stream().noneMatch(n -> n.startsWith("trained."))) {
      remarks.add("the case has no trained.*, so the run's final weights say nothing");
    }
    int steps = ours.containsKey("train.loss") ? ours.get("train.loss").length : 0;
    for (String name : new TreeSet<>(golden.names())) {
      if (name.contains("input_ids") || name.contains("mask") || name.contains("label")) {
        if (!used(name, steps)) {
          remarks.add(name + " is not used: the check has no place for that input");
        }
      } else if (!ours.containsKey(name) && !name.equals("greedy.output_ids")) {
        figures.add(new Figure(name, Double.POSITIVE_INFINITY, TOLERANCE));
        remarks.add(name + " is not a figure of this model");
      }
    }
  }

  private static boolean used(String input, int steps) {
    return INPUTS.contains(input)
        || IntStream.range(0, steps).anyMatch(i -> input.equals("train.input_ids." + i));
  }

  /**
   * Worst difference, relative to each expected value or to the largest of them; NaN equals NaN,
   * which is the reference's mean over no labels.
   */
  static double error(double[] expected, double[] found, boolean each) {
    if (expected.length != found.length) {
      return Double.POSITIVE_INFINITY;
    }
    double largest = 0;
    for (double e : expected) {
      largest = Double.isNaN(e) ? largest : Math.max(largest, Math.abs(e));
    }
    double worst = 0;
    for (int i = 0; i < expected.length; i++) {
      if (Double.isNaN(expected[i]) && Double.isNaN(found[i])) {
        continue;
      }
      double scale = each ? Math.abs(expected[i]) : largest;
      double error = Math.abs(expected[i] - found[i]) / (scale == 0 ? 1 : scale);
      worst = Double.isNaN(error) ? Double.POSITIVE_INFINITY : Math.max(worst, error);
    }
    return worst;
  }
}
