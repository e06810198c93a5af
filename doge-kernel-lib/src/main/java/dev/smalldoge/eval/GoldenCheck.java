package dev.smalldoge.eval;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.ModelConfig.LoadBalancing;
import dev.smalldoge.config.ModelConfig.Routing;
import dev.smalldoge.io.ConfigFiles;
import dev.smalldoge.io.Safetensors;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.KeyValueCache;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.model.Precision;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.optim.WarmupStableDecay;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Compares our model with figures that Hugging Face transformers computed for the same weights.
 *
 * <p>A case is a folder with {@code config.json}, {@code model.safetensors} and {@code
 * golden.safetensors}: logits, loss, every gradient, a padded batch, greedy output and a short
 * AdamW run (warm-up 3, decay 4, peak 3e-3, betas 0.9 and 0.95, decay 0.01 on every weight, clip at
 * 1). Errors are the largest absolute difference over the largest expected magnitude of the array.
 *
 * <p>A case with experts does not say how it was routed; the routing whose logits are closer is
 * taken for all figures and named in the report.
 */
public final class GoldenCheck {
  /**
   * One compared figure.
   *
   * @param name the golden file's name for it
   * @param error worst relative error
   * @param tolerance largest error that passes
   */
  public record Figure(String name, double error, double tolerance) {
    /** Whether the error is within the tolerance; an error that is no number is not. */
    public boolean holds() {
      return error <= tolerance;
    }
  }

  /** All figures of a case. */
  public record Report(String title, List<Figure> figures) {
    /** Whether every figure holds. */
    public boolean holds() {
      return figures.stream().allMatch(Figure::holds);
    }

    @Override
    public String toString() {
      StringBuilder text = new StringBuilder(title).append('\n');
      for (Figure f : figures) {
        text.append(
            String.format(
                Locale.ROOT,
                "  %-4s %-60s %.2e (at most %.0e)%n",
                f.holds() ? "ok" : "FAIL",
                f.name,
                f.error,
                f.tolerance));
      }
      return text.toString();
    }
  }

  private static final double PEAK = 3e-3;
  private static final int WARMUP = 3;
  private static final int DECAY = 4;

  /** Forward passes, losses and gradients: fp32 sums in another order. */
  private static final double TOLERANCE = 1e-5;

  private static final double MOST_TOLERANCE = 1e-3;

  private final Path folder;
  private final Operations operations;
  private final Safetensors golden;
  private final List<Figure> figures = new ArrayList<>();
  private ModelConfig config;

  private GoldenCheck(Path folder, Device device, Safetensors golden) {
    this.folder = folder;
    this.operations = Operations.on(device);
    this.golden = golden;
  }

  /**
   * Runs a case in FLOAT32.
   *
   * @param folder the case
   * @throws dev.smalldoge.config.DogeException if files are missing or do not belong together
   */
  public static Report run(Path folder, Device device) {
    try (Safetensors golden = Safetensors.open(folder.resolve("golden.safetensors"))) {
      return new GoldenCheck(folder, device, golden).run();
    }
  }

  private Report run() {
    config =
        ConfigFiles.readModelConfig(folder.resolve("config.json"))
            .with(e -> e.loadBalancing = LoadBalancing.RANK_ORDER); // as the reference does
    if (config.isMoe()) {
      ModelConfig legacy = config.with(e -> e.routing = Routing.LEGACY);
      config = logitsError(legacy) < logitsError(config) ? legacy : config;
    }
    try (DogeForCausalLm model = open(config)) {
      forward(model);
      backward(model);
      padded(model);
      greedy(model);
    }
    trajectory();
    String routing =
        config.isMoe() ? ", routing " + config.routing().name().toLowerCase(Locale.ROOT) : "";
    return new Report(folder.getFileName() + routing + ", " + operations.device(), figures);
  }

  private DogeForCausalLm open(ModelConfig shape) {
    return new DogeForCausalLm(
        shape, ModelFiles.weights(folder, shape, operations), Precision.FLOAT32);
  }

  private double logitsError(ModelConfig candidate) {
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = open(candidate)) {
      return error(model.logits(input("input_ids")).toFloats(), "logits");
    }
  }

  private void forward(DogeForCausalLm model) {
    try (TensorScope scope = new TensorScope()) {
      ModelInput input = input("input_ids");
      compare("logits", model.logits(input).toFloats());
      double loss = model.loss(input, input.inputIds()).item() / counted(rows("input_ids"));
      if (has("aux_loss")) {
        double aux = model.auxLoss(input).item();
        compare("aux_loss", (float) aux);
        loss += config.routerAuxLossCoef() * aux;
      }
      compare("loss", (float) loss);
    }
  }

  private void backward(DogeForCausalLm model) {
    model.weights().train(name -> true);
    try (TensorScope scope = new TensorScope()) {
      ModelInput input = input("input_ids");
      step(model, input, rows("input_ids"));
      model.weights().gradients().forEach((n, g) -> compare("grad." + n, g.toFloats()));
    }
    model.weights().train(name -> false);
  }

  /** Backward over one batch; the loss with its load-balancing part. */
  private double step(DogeForCausalLm model, ModelInput input, long[][] labels) {
    double counted = counted(labels);
    double coefficient = has("aux_loss") ? config.routerAuxLossCoef() : 0;
    DogeForCausalLm.Loss loss = model.backward(input, tensor(labels), 1 / counted, coefficient);
    double aux = loss.auxLoss() == null ? 0 : coefficient * loss.auxLoss().item();
    return loss.nats().item() / counted + aux;
  }

  private void padded(DogeForCausalLm model) {
    try (TensorScope scope = new TensorScope()) {
      long[][] mask = rows("padded.attention_mask");
      ModelInput input = ModelInput.padded(operations, rows("padded.input_ids"), mask);
      compare("padded.logits", zeroAtPadding(model.logits(input).toFloats(), mask));
      long[][] labels = rows("padded.labels");
      compare("padded.loss", (float) (model.loss(input, tensor(labels)).item() / counted(labels)));
    }
  }

  /** The golden file holds zeros for the positions of padding tokens. */
  private float[] zeroAtPadding(float[] logits, long[][] mask) {
    long[] kept = Arrays.stream(mask).flatMapToLong(Arrays::stream).toArray();
    for (int i = 0; i < logits.length; i++) {
      logits[i] = kept[i / config.vocabSize()] == 0 ? 0 : logits[i];
    }
    return logits;
  }

  /**
   * Greedy output with the cache; without it under legacy routing, which answers otherwise when it
   * sees one token at a time.
   */
  private void greedy(DogeForCausalLm model) {
    long[] expected = rows("greedy.output_ids")[0];
    long[] prompt = rows("greedy.input_ids")[0];
    boolean cached = !config.isMoe() || config.routing() == Routing.PER_TOKEN;
    long[] found =
        cached
            ? greedyCached(model, prompt, expected.length)
            : greedyUncached(model, prompt, expected.length);
    int wrong = Arrays.mismatch(expected, found);
    figures.add(new Figure("greedy.output_ids", wrong < 0 ? 0 : 1, 0));
  }

  private long[] greedyCached(DogeForCausalLm model, long[] prompt, int length) {
    long[] found = Arrays.copyOf(prompt, length);
    try (TensorScope scope = new TensorScope();
        KeyValueCache cache = model.newCache(1, length)) {
      Tensor next = operations.longs(prompt, 1, prompt.length);
      for (int i = prompt.length; i < length; i++) {
        found[i] = argmax(model.nextLogits(next, cache, List.of()).toFloats());
        next = operations.longs(new long[] {found[i]}, 1, 1);
      }
    }
    return found;
  }

  private long[] greedyUncached(DogeForCausalLm model, long[] prompt, int length) {
    long[] found = Arrays.copyOf(prompt, length);
    for (int i = prompt.length; i < length; i++) {
      try (TensorScope scope = new TensorScope()) {
        long[][] soFar = {Arrays.copyOf(found, i)};
        float[] logits = model.logits(ModelInput.of(operations, soFar)).toFloats();
        int last = (i - 1) * config.vocabSize();
        found[i] = argmax(Arrays.copyOfRange(logits, last, last + config.vocabSize()));
      }
    }
    return found;
  }

  private static int argmax(float[] values) {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      best = values[i] > values[best] ? i : best;
    }
    return best;
  }

  /**
   * Compares the run. Rounding grows with every update, in some cases a hundredfold, so the
   * tolerance is measured: ten times what changes when every weight starts one rounding (2^-24
   * relative) away, at least that of the other figures and at most 1e-3.
   */
  private void trajectory() {
    Map<String, double[]> found = train(0);
    Map<String, double[]> nudged = train(1);
    Map<String, double[]> nudgedBack = train(-1);
    for (String name : golden.names()) {
      if (!found.containsKey(name)) {
        continue;
      }
      boolean perElement = name.startsWith("train."); // a list of figures, each with its own size
      double[] ours = found.get(name);
      double spread =
          Math.max(
              error(ours, nudged.get(name), perElement),
              error(ours, nudgedBack.get(name), perElement));
      double tolerance = Math.min(MOST_TOLERANCE, Math.max(TOLERANCE, 10 * spread));
      double[] expected = perElement ? golden.doubles(name) : widen(golden.floats(name));
      figures.add(new Figure(name, error(expected, ours, perElement), tolerance));
    }
  }

  /**
   * The run's figures by their names in the golden file, with weights that start off by so much.
   */
  private Map<String, double[]> train(int roundings) {
    int steps = golden.doubles("train.loss").length;
    double[] rates = new double[steps];
    double[] losses = new double[steps];
    double[] norms = new double[steps];
    Map<String, double[]> figuresOfRun = new LinkedHashMap<>();
    figuresOfRun.put("train.lr", rates);
    figuresOfRun.put("train.loss", losses);
    figuresOfRun.put("train.grad_norm", norms);
    var schedule = new WarmupStableDecay(PEAK, WARMUP, steps - WARMUP - DECAY, DECAY, 0);
    try (DogeForCausalLm model = open(config);
        TensorScope all = new TensorScope()) {
      nudge(model, roundings);
      model.weights().train(name -> true);
      // The reference's first update still holds the gradients of the batch before.
      step(model, input("input_ids"), rows("input_ids"));
      try (AdamW optimizer = new AdamW(model.weights(), AdamW.Settings.PRETRAINING, name -> true)) {
        for (int i = 0; i < steps; i++) {
          try (TensorScope scope = new TensorScope()) {
            String name = "train.input_ids." + i;
            losses[i] = step(model, input(name), rows(name));
            rates[i] = schedule.at(i);
            norms[i] = optimizer.update(rates[i]).item();
          }
        }
      }
      model
          .weights()
          .byName()
          .forEach((n, w) -> figuresOfRun.put("trained." + n, widen(w.toFloats())));
    }
    return figuresOfRun;
  }

  private void nudge(DogeForCausalLm model, int roundings) {
    if (roundings == 0) {
      return;
    }
    for (Tensor weight : model.weights().byName().values()) {
      float[] values = weight.toFloats();
      for (int i = 0; i < values.length; i++) {
        int away = (i % 2 == 0 ? 1 : -1) * roundings;
        values[i] = away > 0 ? Math.nextUp(values[i]) : Math.nextDown(values[i]);
      }
      operations.copyInto(weight, operations.floats(values, weight.shape()));
    }
  }

  private ModelInput input(String name) {
    return ModelInput.of(operations, rows(name));
  }

  private Tensor tensor(long[][] rows) {
    return operations.longs(
        Arrays.stream(rows).flatMapToLong(Arrays::stream).toArray(), rows.length, rows[0].length);
  }

  private static long counted(long[][] labels) {
    return Arrays.stream(labels)
        .mapToLong(
            row ->
                Arrays.stream(row, 1, row.length)
                    .filter(l -> l != DogeForCausalLm.IGNORE_INDEX)
                    .count())
        .sum();
  }

  private boolean has(String name) {
    return golden.names().contains(name);
  }

  private void compare(String name, float... found) {
    figures.add(new Figure(name, error(found, name), TOLERANCE));
  }

  private double error(float[] found, String name) {
    double[] expected = widen(golden.floats(name));
    check(
        expected.length == found.length,
        "%s of %s has %d elements, the model's has %d; the case's files do not belong together",
        name,
        folder,
        expected.length,
        found.length);
    return error(expected, widen(found), false);
  }

  /** Worst difference, relative to each expected value or to the largest of them. */
  private static double error(double[] expected, double[] found, boolean perElement) {
    double largest = 0;
    for (double e : expected) {
      largest = Math.max(largest, Math.abs(e));
    }
    double worst = 0;
    for (int i = 0; i < expected.length; i++) {
      double scale = perElement ? Math.abs(expected[i]) : largest;
      double error = Math.abs(expected[i] - found[i]) / (scale == 0 ? 1 : scale);
      worst = Double.isNaN(error) ? Double.POSITIVE_INFINITY : Math.max(worst, error);
    }
    return worst;
  }

  private static double[] widen(FloatBuffer values) {
    float[] array = new float[values.remaining()];
    values.duplicate().get(array);
    return widen(array);
  }

  private static double[] widen(float[] values) {
    double[] wide = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  private long[][] rows(String name) {
    long[] shape = golden.info(name).shape();
    long[][] rows = new long[(int) shape[0]][(int) shape[1]];
    var values = golden.bytes(name).asLongBuffer();
    for (long[] row : rows) {
      values.get(row);
    }
    return rows;
  }
}
