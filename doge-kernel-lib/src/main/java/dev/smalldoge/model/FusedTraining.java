package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.Recompute;
import dev.smalldoge.model.DogeForCausalLm.Loss;
import dev.smalldoge.torch.FusedKernels;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * What a model keeps from one fused step to the next: the kernels of its shape, the copies of its
 * weights, and the steps of the batch shapes that come, which take turns in one memory.
 */
final class FusedTraining implements AutoCloseable {
  private static final int MOST_SHAPES = 32;

  /** Of the device's memory, what recorded passes may hold before another one is recorded. */
  private static final double RECORDED_SHARE = 1.0 / 16;

  private final ModelConfig config;
  private final Weights weights;
  private final Precision precision;
  private Optional<FusedKernels> kernels = Optional.empty();
  private boolean kernelsTried;
  private FusedWeights matrices;
  private FusedMemory memory;
  private final Map<Shape, Step> steps = new LinkedHashMap<>(MOST_SHAPES, 0.75f, true);
  private Step current;
  private Optional<Shape> scored = Optional.empty();
  private boolean records = true;
  private List<Tensor> trained = List.of();

  private record Shape(int rows, int length) {
    Shape(ModelInput input) {
      this(input.batchSize(), input.length());
    }
  }

  /** Of one batch shape: passes to learn from, and passes that only score. */
  private record Step(FusedLayers layers, FusedPass pass, FusedPass scoring)
      implements AutoCloseable {
    long recordedBytes() {
      return pass.recordedBytes() + scoring.recordedBytes();
    }

    void record(boolean on) {
      pass.record(on);
      scoring.record(on);
    }

    @Override
    public void close() {
      scoring.close();
      pass.close();
      layers.close();
    }
  }

  FusedTraining(ModelConfig config, Weights weights, Precision precision) {
    this.config = config;
    this.weights = weights;
    this.precision = precision;
  }

  /** The fused step for this input; empty where it does not serve the model, input or device. */
  Optional<FusedLayers> layersFor(ModelInput input, Recompute recompute) {
    return trainingStepFor(input, recompute).map(Step::layers);
  }

  private Optional<Step> trainingStepFor(ModelInput input, Recompute recompute) {
    return weights.gradients().isEmpty() ? Optional.empty() : stepFor(input, recompute);
  }

  private Optional<Step> stepFor(ModelInput input, Recompute recompute) {
    if (!FusedLayers.fits(config, weights, precision, input) || kernels().isEmpty()) {
      return Optional.empty();
    }
    List<Tensor> trainNow = List.copyOf(weights.gradients().values());
    try (GradMode off = GradMode.off()) {
      if (matrices == null || !trainNow.equals(trained)) {
        close();
        matrices = new FusedWeights(config, weights, kernels().get());
        trained = trainNow;
      }
      Recompute parts = trained.isEmpty() ? Recompute.LAYERS : recompute; // no way back, no room
      int tokens = Math.multiplyExact(input.batchSize(), input.length());
      if (memory == null || !memory.serves(tokens, parts)) {
        closeSteps(); // first, so that the old memory serves the new
        memory = new FusedMemory(weights.operations(), tokens, parts);
      }
      try {
        current = steps.computeIfAbsent(new Shape(input), shape -> newStep(shape, parts));
      } catch (RuntimeException e) {
        closeSteps(); // what there was room for is too little for the next
        throw e;
      }
      if (steps.size() > MOST_SHAPES) {
        steps.remove(steps.keySet().iterator().next()).close(); // used longest ago
      }
    }
    return Optional.of(current);
  }

  private Step newStep(Shape shape, Recompute recompute) {
    FusedLayers layers =
        new FusedLayers(
            config,
            weights,
            matrices,
            kernels().get(),
            memory,
            recompute,
            shape.rows,
            shape.length);
    return new Step(layers, newPass(layers), newPass(layers));
  }

  private FusedPass newPass(FusedLayers layers) {
    return new FusedPass(layers, kernels().get(), weights.operations());
  }

  /** Whether a pass that comes again is recorded and launched as one; else kernel by kernel. */
  void record(boolean on) {
    records = on;
  }

  /**
   * Runs a whole pass over this input.
   *
   * @return empty, and nothing run, where the fused step does not serve, or passes are not recorded
   */
  Optional<Loss> pass(
      ModelInput input,
      Tensor labels,
      double scale,
      Recompute recompute,
      RotaryEmbedding rotary,
      boolean hits) {
    return pass(input, recompute, rotary)
        .map(
            pass -> {
              try (TensorScope scope = new TensorScope();
                  GradMode off = GradMode.off()) {
                return DogeForCausalLm.kept(pass.run(input, labels, scale, rotary, hits), scope);
              }
            });
  }

  /**
   * Runs a whole pass whose loss is over the labels' log-probabilities.
   *
   * @param derivative of the loss by each, FLOAT32 (N)
   * @return whether it ran; as above
   */
  boolean pass(
      ModelInput input,
      Tensor labels,
      UnaryOperator<Tensor> derivative,
      Recompute recompute,
      RotaryEmbedding rotary) {
    Optional<FusedPass> found = pass(input, recompute, rotary);
    found.ifPresent(
        pass -> {
          try (TensorScope scope = new TensorScope();
              GradMode off = GradMode.off()) {
            pass.run(input, labels, derivative, rotary);
          }
        });
    return found.isPresent();
  }

  private Optional<FusedPass> pass(ModelInput input, Recompute recompute, RotaryEmbedding rotary) {
    Optional<Step> step = records ? trainingStepFor(input, recompute) : Optional.empty();
    step.ifPresent(here -> prepare(here, input, rotary));
    return step.map(Step::pass);
  }

  private void prepare(Step step, ModelInput input, RotaryEmbedding rotary) {
    rotary.prepare(input.length());
    long held = steps.values().stream().mapToLong(Step::recordedBytes).sum();
    step.record(records && held < RECORDED_SHARE * kernels().get().deviceBytes());
  }

  /**
   * Nats of the labels, and hits where they are wanted, without a way back; else as {@link #score}.
   */
  Optional<Loss> measure(ModelInput input, Tensor labels, RotaryEmbedding rotary, boolean hits) {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      return score(input, labels, rotary, hits)
          .map(
              layers -> {
                Tensor[] sums = layers.scoreSums(hits);
                return DogeForCausalLm.kept(new Loss(sums[0], null, sums[1]), scope);
              });
    }
  }

  /** Log-probabilities of the labels, FLOAT32 (N); else as {@link #score}. */
  Optional<Tensor> logProbabilities(ModelInput input, Tensor labels, RotaryEmbedding rotary) {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      return score(input, labels, rotary, false)
          .map(layers -> scope.keep(weights.operations().copyOf(layers.scores())));
    }
  }

  /**
   * Scores labels by a forward pass alone.
   *
   * @return empty where the fused step does not serve, and for a shape that comes for the first
   *     time: preparing attention for it takes longer than the scripts take for a batch
   */
  private Optional<FusedLayers> score(
      ModelInput input, Tensor labels, RotaryEmbedding rotary, boolean hits) {
    Shape shape = new Shape(input);
    boolean known = steps.containsKey(shape) || scored.equals(Optional.of(shape));
    scored = Optional.of(shape);
    Recompute parts = memory == null ? Recompute.LAYERS : memory.recompute();
    Optional<Step> found = known ? stepFor(input, parts) : Optional.empty();
    found.ifPresent(
        step -> {
          prepare(step, input, rotary);
          step.scoring.score(input, labels, rotary, hits);
        });
    return found.map(Step::layers);
  }

  /** Whether the last shape's passes are launched as one by now. */
  boolean isRecorded() {
    return current != null && current.pass.isRecorded();
  }

  /** The step whose hidden states these are. */
  Optional<FusedLayers> ownerOf(Tensor hidden) {
    return Optional.ofNullable(current).map(Step::layers).filter(layers -> layers.owns(hidden));
  }

  private Optional<FusedKernels> kernels() {
    if (!kernelsTried) {
      kernelsTried = true;
      kernels =
          FusedKernels.of(
              weights.operations(),
              new FusedKernels.Shape(
                  config.hiddenSize(),
                  config.numAttentionHeads(),
                  config.numKeyValueHeads(),
                  config.isMoe() ? config.numKeys() : 0,
                  config.isMoe() ? config.numExpertsPerTok() : 0));
    }
    return kernels;
  }

  private void closeSteps() {
    current = null;
    steps.values().forEach(Step::close);
    steps.clear();
    if (memory != null) {
      memory.close();
      memory = null;
    }
  }

  @Override
  public void close() {
    closeSteps();
    if (matrices != null) {
      matrices.close();
      matrices = null;
    }
    trained = List.of();
  }
}
