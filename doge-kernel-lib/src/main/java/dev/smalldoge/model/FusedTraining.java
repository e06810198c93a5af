package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.Recompute;
import dev.smalldoge.model.DogeForCausalLm.Loss;
import dev.smalldoge.torch.FusedKernels;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;

/**
 * What a model keeps from one fused step to the next: the kernels of its shape, the copies of the
 * weights that train, and the memory of the last batch shape.
 */
final class FusedTraining implements AutoCloseable {
  private final ModelConfig config;
  private final Weights weights;
  private final Precision precision;
  private Optional<FusedKernels> kernels = Optional.empty();
  private boolean kernelsTried;
  private FusedWeights matrices;
  private FusedLayers layers;
  private FusedPass pass;
  private boolean records = true;
  private List<Tensor> trained = List.of();

  FusedTraining(ModelConfig config, Weights weights, Precision precision) {
    this.config = config;
    this.weights = weights;
    this.precision = precision;
  }

  /** The fused step for this input; empty where it does not serve the model, input or device. */
  Optional<FusedLayers> layersFor(ModelInput input, Recompute recompute) {
    if (!FusedLayers.fits(config, weights, precision, input) || kernels().isEmpty()) {
      return Optional.empty();
    }
    List<Tensor> trainNow = List.copyOf(weights.gradients().values());
    try (GradMode off = GradMode.off()) {
      if (!trainNow.equals(trained)) {
        close();
        matrices = new FusedWeights(config, weights, kernels().get());
        trained = trainNow;
      }
      if (layers == null || !layers.serves(input, recompute)) {
        closeLayers(); // first, so that the old memory serves the new
        layers =
            new FusedLayers(
                config,
                weights,
                matrices,
                kernels().get(),
                recompute,
                input.batchSize(),
                input.length());
      }
    }
    return Optional.of(layers);
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
    Loss[] loss = new Loss[1];
    boolean ran =
        pass(
            input,
            recompute,
            rotary,
            (fused, scope) ->
                loss[0] =
                    DogeForCausalLm.kept(fused.run(input, labels, scale, rotary, hits), scope));
    return ran ? Optional.of(loss[0]) : Optional.empty();
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
    return pass(
        input, recompute, rotary, (fused, scope) -> fused.run(input, labels, derivative, rotary));
  }

  private boolean pass(
      ModelInput input,
      Recompute recompute,
      RotaryEmbedding rotary,
      BiConsumer<FusedPass, TensorScope> run) {
    Optional<FusedLayers> found = records ? layersFor(input, recompute) : Optional.empty();
    if (found.isEmpty()) {
      return false;
    }
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      if (pass == null) {
        pass = new FusedPass(found.get(), kernels().get(), weights.operations());
      }
      rotary.prepare(input.length());
      run.accept(pass, scope);
    }
    return true;
  }

  /** Whether the last shape's passes are launched as one by now. */
  boolean isRecorded() {
    return pass != null && pass.isRecorded();
  }

  /** The step whose hidden states these are. */
  Optional<FusedLayers> ownerOf(Tensor hidden) {
    return layers != null && layers.owns(hidden) ? Optional.of(layers) : Optional.empty();
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

  private void closeLayers() {
    if (pass != null) {
      pass.close();
      pass = null;
    }
    if (layers != null) {
      layers.close();
      layers = null;
    }
  }

  @Override
  public void close() {
    closeLayers();
    if (matrices != null) {
      matrices.close();
      matrices = null;
    }
    trained = List.of();
  }
}
