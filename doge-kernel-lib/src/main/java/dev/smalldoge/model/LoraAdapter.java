package dev.smalldoge.model;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.LoraSettings;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Function;

/**
 * Low-rank adapters on a model: each target weight is W0 + scale · B A, merged in place, so that
 * the forward pass is that of any model; the gradients of A and B follow from that of the merged
 * weight (dB = scale · dW Aᵀ, dA = scale · Bᵀ dW).
 *
 * <p>Shapes: W0 (out, in), A (rank, in), B (out, rank), FLOAT32. A keeps copies of the W0, not
 * changed again. There is no adapter dropout, since the product is never computed by itself.
 *
 * <p>Source: arXiv:2106.09685; names and start (A uniform within ±1 / √in, B zero) as in PEFT.
 */
public final class LoraAdapter implements AutoCloseable {
  private static final String PREFIX = "base_model.model.";

  private final DogeForCausalLm model;
  private final LoraSettings settings;
  private final Operations operations;
  private final Map<String, Tensor> bases = new LinkedHashMap<>();
  private final Weights factors;

  private LoraAdapter(
      DogeForCausalLm model, LoraSettings settings, Function<String, Tensor> factor) {
    this.model = model;
    this.settings = settings;
    this.operations = model.operations();
    Map<String, Tensor> byName = new LinkedHashMap<>();
    try (GradMode off = GradMode.off()) {
      for (String weight : model.weights().byName().keySet()) {
        if (isTarget(weight, settings)) {
          byName.put(nameOfA(weight), factor.apply(nameOfA(weight)));
          byName.put(nameOfB(weight), factor.apply(nameOfB(weight)));
          bases.put(weight, TensorScope.release(operations.copyOf(model.weights().get(weight))));
        }
      }
    }
    check(
        !bases.isEmpty(),
        "none of the model's layers is one of %s; use %s",
        settings.targetModules(),
        LoraSettings.ALL_LINEAR);
    this.factors = Weights.ofArrays(operations, byName);
  }

  /**
   * A new adapter, which leaves the model as it is: B is zero.
   *
   * @param seed of A's numbers
   * @throws dev.smalldoge.config.DogeException if no layer of the model is a target
   */
  public static LoraAdapter create(DogeForCausalLm model, LoraSettings settings, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    return new LoraAdapter(
        model,
        settings,
        name -> {
          long[] shape = shape(model, settings, name);
          if (name.contains(".lora_B.")) {
            return model.operations().zeros(DType.FLOAT32, shape);
          }
          double bound = 1 / Math.sqrt((double) shape[1]);
          float[] values = new float[Math.toIntExact(shape[0] * shape[1])];
          for (int i = 0; i < values.length; i++) {
            values[i] = (float) (bound * (2 * random.nextDouble() - 1));
          }
          return model.operations().floats(values, shape);
        });
  }

  /** An adapter with given factors by PEFT's names, merged into the model. */
  static LoraAdapter of(
      DogeForCausalLm model, LoraSettings settings, Function<String, Tensor> factor) {
    LoraAdapter adapter = new LoraAdapter(model, settings, factor);
    adapter.merge();
    return adapter;
  }

  private static boolean isTarget(String weight, LoraSettings settings) {
    return settings.targetModules().stream().anyMatch(m -> weight.endsWith("." + m + ".weight"));
  }

  private static String nameOfA(String weight) {
    return PREFIX + weight.replaceFirst("\\.weight$", ".lora_A.weight");
  }

  private static String nameOfB(String weight) {
    return PREFIX + weight.replaceFirst("\\.weight$", ".lora_B.weight");
  }

  /** Shape of a factor by its name. */
  static long[] shape(DogeForCausalLm model, LoraSettings settings, String factor) {
    String weight = factor.substring(PREFIX.length()).replaceFirst("\\.lora_[AB]\\.", ".");
    long[] shape = model.weights().get(weight).shape();
    return factor.contains(".lora_A.")
        ? new long[] {settings.rank(), shape[1]}
        : new long[] {shape[0], settings.rank()};
  }

  /** Rank, alpha and targets. */
  public LoraSettings settings() {
    return settings;
  }

  /** A and B of every target by PEFT's names; they train as other weights do. */
  public Weights factors() {
    return factors;
  }

  /** Whether a weight of the model has an adapter. */
  public boolean targets(String weight) {
    return bases.containsKey(weight);
  }

  /** Makes the model's weights follow A and B. */
  public void merge() {
    try (GradMode off = GradMode.off()) {
      bases.forEach(
          (weight, base) ->
              operations
                  .fineTuning()
                  .mergeAdapter(
                      model.weights().get(weight),
                      base,
                      factors.get(nameOfA(weight)),
                      factors.get(nameOfB(weight)),
                      settings.scale()));
    }
  }

  /** Adds to the gradients of A and B what follows from the model's, which become zero. */
  public void takeGradients() {
    Map<String, Tensor> gradients = model.weights().gradients();
    try (GradMode off = GradMode.off()) {
      bases.forEach(
          (weight, base) ->
              operations
                  .fineTuning()
                  .adapterGradients(
                      gradients.get(weight),
                      factors.get(nameOfA(weight)),
                      factors.get(nameOfB(weight)),
                      factors.gradients().get(nameOfA(weight)),
                      factors.gradients().get(nameOfB(weight)),
                      settings.scale()));
      operations.zero(List.copyOf(gradients.values()));
    }
  }

  /** Gives back A, B and the copies; the model stays merged. */
  @Override
  public void close() {
    bases.values().forEach(Tensor::close);
    factors.close();
  }
}
