package dev.smalldoge.model;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.io.WeightNames;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.torch.Torch;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import java.util.zip.CRC32;

/**
 * A model's FLOAT32 master weights by their Hugging Face names, in the order of the model.
 *
 * <p>Closing gives their memory back.
 */
public final class Weights implements AutoCloseable {
  private final Operations operations;
  private final Map<String, Tensor> byName;
  private final Map<String, Tensor> gradients = new LinkedHashMap<>();
  private Map<Tensor, Tensor> narrowCopies = Map.of();
  private long narrowState = -1;
  private long changes;

  private Weights(Operations operations, Map<String, Tensor> byName) {
    this.operations = operations;
    this.byName = byName;
  }

  /**
   * Owns the given tensors, which must be FLOAT32 and of the shapes that the configuration asks.
   *
   * @throws dev.smalldoge.config.DogeException naming the tensor, expected and found shape
   */
  public static Weights of(ModelConfig config, Operations operations, Map<String, Tensor> byName) {
    return new Weights(operations, ordered(WeightNames.expected(config), byName));
  }

  /**
   * {@link #of} for a {@link DogeForSequenceClassification}: {@code score.weight} in place of the
   * language-model head.
   */
  public static Weights ofClassifier(
      ModelConfig config, Operations operations, Map<String, Tensor> byName) {
    return new Weights(operations, ordered(WeightNames.expectedForClassification(config), byName));
  }

  /** Owns arrays that are no model's, such as those of an adapter, in the given order. */
  static Weights ofArrays(Operations operations, Map<String, Tensor> byName) {
    byName.values().forEach(TensorScope::release);
    return new Weights(operations, new LinkedHashMap<>(byName));
  }

  /** The same weights with memory of their own; none of them trains. */
  public Weights copy() {
    Map<String, Tensor> copies = new LinkedHashMap<>();
    try (GradMode off = GradMode.off()) {
      byName.forEach((name, weight) -> copies.put(name, operations.copyOf(weight)));
    }
    return ofArrays(operations, copies);
  }

  private static Map<String, Tensor> ordered(
      Map<String, long[]> shapes, Map<String, Tensor> byName) {
    Map<String, Tensor> ordered = new LinkedHashMap<>();
    shapes.forEach(
        (name, shape) -> {
          Tensor tensor = byName.get(name);
          check(tensor != null, "weight %s is missing; give a checkpoint of this model", name);
          check(
              Arrays.equals(tensor.shape(), shape),
              "weight %s has shape %s, but this configuration needs %s; use the config.json"
                  + " that belongs to the weights",
              name,
              Arrays.toString(tensor.shape()),
              Arrays.toString(shape));
          ordered.put(name, tensor);
        });
    ordered.values().forEach(TensorScope::release);
    return ordered;
  }

  /**
   * New weights: linear and embedding from N(0, initializerRange²) with the padding row zero, norms
   * and residual vectors 1, biases and A zero. Equal seeds on the CPU give equal weights.
   */
  public static Weights initialize(ModelConfig config, Operations operations, long seed) {
    return of(config, operations, initial(WeightNames.expected(config), config, operations, seed));
  }

  /** {@link #initialize} for a {@link DogeForSequenceClassification}. */
  public static Weights initializeClassifier(ModelConfig config, Operations operations, long seed) {
    return ofClassifier(
        config,
        operations,
        initial(WeightNames.expectedForClassification(config), config, operations, seed));
  }

  private static Map<String, Tensor> initial(
      Map<String, long[]> shapes, ModelConfig config, Operations operations, long seed) {
    Torch.setSeed(seed);
    Map<String, Tensor> byName = new LinkedHashMap<>();
    try (GradMode off = GradMode.off()) {
      shapes.forEach((name, shape) -> byName.put(name, initial(name, shape, config, operations)));
    }
    return byName;
  }

  static Tensor initial(String name, long[] shape, ModelConfig config, Operations operations) {
    if (name.endsWith("norm.weight") || name.endsWith("_residual")) {
      float[] ones = new float[Math.toIntExact(shape[0])];
      Arrays.fill(ones, 1);
      return operations.floats(ones, shape);
    }
    if (name.endsWith(".bias") || name.endsWith(".A")) {
      return operations.zeros(DType.FLOAT32, shape);
    }
    Tensor weight = operations.normal(config.initializerRange(), shape);
    if (name.equals(WeightNames.EMBEDDING)) {
      operations.zeroRow(weight, config.padTokenId());
    }
    return weight;
  }

  /** The weight of this name. */
  public Tensor get(String name) {
    Tensor tensor = byName.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("no weight is named " + name);
    }
    return tensor;
  }

  /** The weights in the order of the model. */
  public Map<String, Tensor> byName() {
    return Collections.unmodifiableMap(byName);
  }

  /** Number of elements of all weights together; a tied head counts once. */
  public long count() {
    return byName.values().stream().mapToLong(Tensor::size).sum();
  }

  /** A short text that follows from all names and values: what depends on them is bound to it. */
  public String fingerprint() {
    CRC32 sum = new CRC32();
    byName.forEach(
        (name, weight) -> {
          sum.update(name.getBytes(StandardCharsets.UTF_8));
          sum.update(weight.toBytes());
        });
    return String.format(Locale.ROOT, "%d-%08x", byName.size(), sum.getValue());
  }

  /**
   * Trains the weights whose names pass, and freezes the others. A trained weight's gradient array
   * exists, zero, from here on.
   */
  public void train(Predicate<String> trained) {
    List<Tensor> fresh = new ArrayList<>();
    byName.forEach(
        (name, weight) -> {
          weight.requireGradient(trained.test(name));
          if (trained.test(name) && !gradients.containsKey(name)) {
            fresh.add(weight);
          }
        });
    if (!fresh.isEmpty()) {
      operations.createGradients(fresh);
    }
    Map<String, Tensor> before = new LinkedHashMap<>(gradients);
    gradients.clear(); // and again in the model's order, which sums over all of them depend on
    byName.forEach(
        (name, weight) -> {
          Tensor gradient = before.remove(name);
          if (trained.test(name)) {
            gradients.put(
                name, gradient == null ? TensorScope.release(weight.gradient()) : gradient);
          } else if (gradient != null) {
            operations.zero(List.of(gradient)); // libtorch keeps it until the weight trains again
            gradient.close();
          }
        });
  }

  /** The gradient arrays of the trained weights, by name. */
  public Map<String, Tensor> gradients() {
    return Collections.unmodifiableMap(gradients);
  }

  /** The gradient array of a weight, as a list of one; empty for a frozen weight. */
  List<Tensor> gradientOf(String name) {
    Tensor gradient = gradients.get(name);
    return gradient == null ? List.of() : List.of(gradient);
  }

  /** Tells that an optimizer has changed the weights; libtorch does not count its writes. */
  public void changed() {
    changes++;
  }

  /**
   * BFLOAT16 copies, by their weight, that a fused step reads; an optimizer may write them with the
   * weights and then say that they are {@linkplain #narrowCopiesTaken taken}.
   */
  public Map<Tensor, Tensor> narrowCopies() {
    return narrowCopies;
  }

  void narrowCopies(Map<Tensor, Tensor> copies) {
    narrowCopies = copies;
    narrowState = -1;
  }

  /** Tells that all copies are those of the weights as they are now. */
  public void narrowCopiesTaken() {
    narrowState = state();
  }

  /** Whether it is these copies that were taken last, and no weight has changed since. */
  boolean narrowCopiesHold(Map<Tensor, Tensor> copies) {
    return narrowCopies == copies && narrowState == state();
  }

  /** A number that is another one whenever the weights may have changed. */
  long state() {
    return (changes << 32) + operations.generation().versions(List.copyOf(byName.values()));
  }

  /** Where the weights live. */
  public Operations operations() {
    return operations;
  }

  @Override
  public void close() {
    gradients.values().forEach(Tensor::close);
    byName.values().forEach(Tensor::close);
  }
}
