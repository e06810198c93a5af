package dev.smalldoge.optim;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.TrainingSettings;
import dev.smalldoge.model.Weights;
import dev.smalldoge.torch.AdamWKernels;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.OptimizerOperations.AdamWGroup;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * AdamW with decoupled weight decay and clipping by the global norm, in FLOAT32.
 *
 * <p>Weights decay as in the reference: all of them, A, dt_proj, residual vectors and the embedding
 * included, but not norm weights and biases. The gradient norm is taken before clipping; a norm
 * above {@code maxGradNorm} scales all gradients down together; a norm that is not finite leaves
 * weights and moments as they were.
 *
 * <p>Source: {@code torch.optim.AdamW} and {@code clip_grad_norm_}; arXiv:1711.05101.
 */
public final class AdamW implements Optimizer {
  /**
   * The constants of AdamW.
   *
   * @param beta1 decay of the gradient's mean, in [0, 1)
   * @param beta2 decay of the squared gradient's mean, in [0, 1)
   * @param eps added to the root of the second moment
   * @param weightDecay decay per update as a fraction of the learning rate
   * @param maxGradNorm largest global gradient norm; larger ones are scaled down to it
   */
  public record Settings(
      double beta1, double beta2, double eps, double weightDecay, double maxGradNorm) {
    /** Those of the pre-training recipes: 0.9, 0.95, 1e-8, 0.01, clip at 1. */
    public static final Settings PRETRAINING = new Settings(0.9, 0.95, 1e-8, 0.01, 1);

    /** Those of the fine-tuning recipes: 0.9, 0.999, 1e-8, 0.01, clip at 1. */
    public static final Settings FINE_TUNING = new Settings(0.9, 0.999, 1e-8, 0.01, 1);

    /** Those of a recipe. */
    public static Settings of(TrainingSettings recipe) {
      return new Settings(
          recipe.adamBeta1(),
          recipe.adamBeta2(),
          recipe.adamEpsilon(),
          recipe.weightDecay(),
          recipe.maxGradNorm());
    }

    /** Checks the ranges. */
    public Settings {
      check(beta1 >= 0 && beta1 < 1, "beta1 %s is outside [0, 1); use 0.9", beta1);
      check(beta2 >= 0 && beta2 < 1, "beta2 %s is outside [0, 1); use 0.95", beta2);
      check(eps > 0, "eps %s is not positive; use 1e-8", eps);
      check(weightDecay >= 0, "weightDecay %s is negative; use 0.01", weightDecay);
      check(maxGradNorm > 0, "maxGradNorm %s is not positive; use 1.0", maxGradNorm);
    }
  }

  private final Weights weights;
  private final Operations operations;
  private final Settings settings;
  private final Predicate<String> decays;
  private final Optional<AdamWKernels> kernels;
  private final Map<String, Tensor> means = new TreeMap<>();
  private final Map<String, Tensor> squares = new TreeMap<>();
  private final Map<String, Long> updates = new TreeMap<>();
  private final List<List<String>> groupNames = new ArrayList<>();
  private List<AdamWGroup> groups = List.of();
  private List<Tensor> gradients = List.of();

  /** An optimizer of the weights that train now; call {@link #refresh} when others do. */
  public AdamW(Weights weights, Settings settings) {
    this(weights, settings, AdamW::decays);
  }

  /** The same, with the choice of which weights decay. */
  public AdamW(Weights weights, Settings settings, Predicate<String> decays) {
    this.weights = weights;
    this.operations = weights.operations();
    this.settings = settings;
    this.decays = decays;
    this.kernels = AdamWKernels.of(operations);
    refresh();
  }

  /** Whether a weight of this name decays. */
  public static boolean decays(String name) {
    return !name.endsWith("norm.weight") && !name.endsWith(".bias");
  }

  @Override
  public boolean trains(String weight) {
    return true;
  }

  /**
   * Takes up the weights that train now. Moments of weights that trained before are kept; a weight
   * that joins later starts its own count of updates.
   */
  @Override
  public void refresh() {
    readUpdates();
    regroup();
  }

  /** Counts are kept on the device, where an update that is not finite is not counted. */
  private void readUpdates() {
    for (int i = 0; i < groups.size(); i++) {
      long count = Math.round(groups.get(i).step().item());
      groupNames.get(i).forEach(name -> updates.put(name, count));
    }
  }

  private void regroup() {
    groups.forEach(g -> g.step().close());
    gradients = List.copyOf(weights.gradients().values());
    Map<String, List<String>> alike = new LinkedHashMap<>();
    try (GradMode off = GradMode.off()) {
      for (String name : weights.gradients().keySet()) {
        means.computeIfAbsent(name, n -> moment(weights.get(n)));
        squares.computeIfAbsent(name, n -> moment(weights.get(n)));
        long count = updates.computeIfAbsent(name, n -> 0L);
        alike.computeIfAbsent(decays.test(name) + " " + count, k -> new ArrayList<>()).add(name);
      }
      groupNames.clear();
      groupNames.addAll(alike.values());
      groups = groupNames.stream().map(this::group).toList();
    }
  }

  /** One group of weights that share decay and the number of updates they have had. */
  private AdamWGroup group(List<String> names) {
    float count = updates.get(names.get(0));
    return new AdamWGroup(
        names.stream().map(weights::get).toList(),
        names.stream().map(weights.gradients()::get).toList(),
        names.stream().map(means::get).toList(),
        names.stream().map(squares::get).toList(),
        TensorScope.release(operations.floats(new float[] {count})),
        decays.test(names.get(0)) ? settings.weightDecay() : 0);
  }

  private Tensor moment(Tensor weight) {
    return TensorScope.release(operations.zerosLike(weight));
  }

  /**
   * One update with the accumulated gradients, which are zero afterwards.
   *
   * @param learningRate of this step
   * @return the global gradient norm before clipping, FLOAT32, on the device, for the caller to
   *     close; where it is not finite, nothing was changed
   */
  @Override
  public Tensor update(double learningRate) {
    try (GradMode off = GradMode.off()) {
      if (kernels.isPresent()) {
        return update(kernels.get(), learningRate);
      }
      Tensor norm = operations.optimizer().globalNorm(gradients);
      for (AdamWGroup group : groups) {
        operations
            .optimizer()
            .adamW(
                group,
                norm,
                settings.maxGradNorm(),
                learningRate,
                settings.beta1(),
                settings.beta2(),
                settings.eps());
      }
      operations.zero(gradients);
      weights.changed();
      return norm;
    }
  }

  private Tensor update(AdamWKernels own, double learningRate) {
    Map<Tensor, Tensor> copies = weights.narrowCopies();
    Tensor norm =
        own.update(
            groups,
            copies,
            new AdamWKernels.Constants(
                settings.maxGradNorm(),
                learningRate,
                settings.beta1(),
                settings.beta2(),
                settings.eps()));
    weights.changed();
    if (weights.gradients().size() == weights.byName().size()) {
      weights.narrowCopiesTaken(); // all of them were written
    }
    return norm;
  }

  /**
   * The moments by name, for a checkpoint: {@code mean.<weight>} and {@code square.<weight>}, each
   * of the weight's shape, FLOAT32; still the optimizer's own.
   */
  @Override
  public Map<String, Tensor> moments() {
    Map<String, Tensor> moments = new LinkedHashMap<>();
    means.forEach((n, t) -> moments.put("mean." + n, t));
    squares.forEach((n, t) -> moments.put("square." + n, t));
    return moments;
  }

  /** How many updates each weight has had; waits for the device. */
  @Override
  public Map<String, Long> updates() {
    readUpdates();
    return new TreeMap<>(updates);
  }

  /**
   * Takes saved moments, copied, and counts; weights that are not among them start anew.
   *
   * @throws dev.smalldoge.config.DogeException if they are of other weights
   */
  @Override
  public void restore(Map<String, Tensor> moments, Map<String, Long> savedUpdates) {
    try (GradMode off = GradMode.off()) {
      moments.forEach(
          (key, saved) -> {
            String name = key.substring(key.indexOf('.') + 1);
            requireFits(name, saved);
            Map<String, Tensor> target = key.startsWith("mean.") ? means : squares;
            operations.copyInto(target.computeIfAbsent(name, n -> moment(weights.get(n))), saved);
          });
    }
    readUpdates();
    updates.putAll(savedUpdates);
    regroup();
  }

  private void requireFits(String name, Tensor saved) {
    Tensor weight = weights.byName().get(name);
    check(
        weight != null && Arrays.equals(weight.shape(), saved.shape()),
        "the saved optimizer has moments of shape %s for %s, expected %s; model and optimizer do"
            + " not belong together, resume an earlier checkpoint",
        Arrays.toString(saved.shape()),
        name,
        weight == null ? "none" : Arrays.toString(weight.shape()));
  }

  @Override
  public void close() {
    means.values().forEach(Tensor::close);
    squares.values().forEach(Tensor::close);
    groups.forEach(g -> g.step().close());
    kernels.ifPresent(AdamWKernels::close);
  }
}
