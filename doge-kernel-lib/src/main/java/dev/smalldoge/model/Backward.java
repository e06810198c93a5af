package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.model.DogeForCausalLm.Loss;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.Torch;
import java.util.ArrayList;
import java.util.List;

/**
 * Forward and backward of one micro-batch, by one of three ways that give the same gradients. The
 * caller opens the scope that their arrays end with, and sets the mode of gradients.
 */
final class Backward {
  /**
   * What stands on the hidden states (B, T, d): a figure of the micro-batch or null, the gradient
   * of the hidden states, and whatever else it has to tell.
   */
  @FunctionalInterface
  interface Top {
    Tensor[] apply(Tensor hidden);
  }

  private final DogeForCausalLm model;
  private final ModelConfig config;
  private final Operations operations;
  private final List<DecoderLayer> layers;
  private final ModelInput input;
  private final Top top;
  private final double auxScale;

  /**
   * Over one micro-batch.
   *
   * @param auxScale factor of the load-balancing loss's gradient; 0 to leave that loss out
   */
  Backward(DogeForCausalLm model, ModelInput input, Top top, double auxScale) {
    this.model = model;
    this.config = model.config();
    this.operations = model.operations();
    this.layers = model.layers();
    this.input = input;
    this.top = top;
    this.auxScale = auxScale;
  }

  /** In kernels of our own, without autograd; cos and sin (T, D). */
  Loss fused(FusedLayers fused, Tensor cos, Tensor sin) {
    Tensor hidden = fused.forward(input, cos, sin);
    Tensor[] found = top.apply(hidden);
    List<Tensor> scores = new ArrayList<>();
    Tensor aux = auxScale == 0 ? null : fusedAuxLoss(fused, scores);
    List<Tensor> gradients = scores.stream().map(Tensor::gradient).toList();
    fused.backward(input, found[1], gradients, cos, sin, model.layerDone());
    return new Loss(found[0], aux, found[2]);
  }

  /** The load-balancing loss over leaves of the router's scores, which have gradients from it. */
  private Tensor fusedAuxLoss(FusedLayers fused, List<Tensor> leaves) {
    try (GradMode on = GradMode.on()) {
      fused.routerScores().forEach(scores -> leaves.add(leaf(scores)));
      List<Tensor> byHalf = leaves.stream().map(operations::productScores).toList();
      Tensor aux = model.auxLoss(byHalf, input);
      aux.backward(operations.floats(new float[] {(float) auxScale}));
      return aux.detach();
    }
  }

  /** Keeps everything between forward and backward. */
  Loss atOnce() {
    List<Tensor> routerScores = new ArrayList<>();
    Tensor hidden = model.hiddenStates(input, true, routerScores);
    Tensor[] found = top.apply(hidden);
    if (auxScale == 0) {
      hidden.backward(found[1]);
      return new Loss(found[0], null, found[2]);
    }
    Tensor aux = model.auxLoss(routerScores, input);
    Tensor seed = operations.floats(new float[] {(float) auxScale});
    operations.backward(List.of(hidden, aux), List.of(found[1], seed));
    return new Loss(found[0], aux.detach(), found[2]);
  }

  /** Keeps the inputs of the layers alone, and runs each layer again before its backward. */
  Loss recomputing() {
    long seed = config.hiddenDropout() + config.attentionDropout() > 0 ? Torch.randomSeed() : 0;
    List<Tensor> inputs = new ArrayList<>();
    List<Tensor> routerScores = new ArrayList<>();
    DogeForCausalLm.Pass pass = model.new Pass(input, true);
    try (GradMode off = GradMode.off()) {
      Tensor x = model.embedded(input.inputIds());
      for (DecoderLayer layer : layers) {
        inputs.add(x);
        seedLayer(seed, inputs.size());
        x = pass.through(layer, x, routerScores);
      }
      inputs.add(x);
    }
    Tensor last = leaf(inputs.get(layers.size()));
    Tensor normed = model.finalNorm(last);
    Tensor[] found = top.apply(normed);
    normed.backward(found[1]);
    Tensor gradient = last.gradient();

    Tensor aux = null;
    List<Tensor> scoreLeaves = new ArrayList<>();
    if (auxScale != 0) {
      routerScores.forEach(s -> scoreLeaves.add(leaf(s)));
      aux = model.auxLoss(scoreLeaves, input);
      aux.backward(operations.floats(new float[] {(float) auxScale}));
    }
    for (int i = layers.size() - 1; i >= 0; i--) {
      Tensor x = leaf(inputs.get(i));
      List<Tensor> outputs = new ArrayList<>();
      seedLayer(seed, i + 1);
      Tensor y = pass.through(layers.get(i), x, outputs);
      List<Tensor> seeds = new ArrayList<>(List.of(gradient));
      if (auxScale != 0) {
        seeds.add(scoreLeaves.get(i).gradient());
      } else {
        outputs.clear();
      }
      outputs.add(0, y);
      operations.backward(outputs, seeds);
      model.layerDone().accept(i);
      gradient = x.gradient();
    }
    model.embedded(input.inputIds()).backward(gradient);
    return new Loss(found[0], aux == null ? null : aux.detach(), found[2]);
  }

  private static void seedLayer(long seed, int layer) {
    if (seed != 0) {
      Torch.setSeed(seed + layer); // dropout falls alike in both runs
    }
  }

  private static Tensor leaf(Tensor x) {
    Tensor leaf = x.detach();
    leaf.requireGradient(true);
    return leaf;
  }
}
