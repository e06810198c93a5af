package dev.smalldoge.model;

import dev.smalldoge.config.Recompute;
import dev.smalldoge.torch.FusedAttention;
import dev.smalldoge.torch.FusedAttention.Attended;
import dev.smalldoge.torch.FusedAttention.FoldWeights;
import dev.smalldoge.torch.FusedAttention.Folded;
import dev.smalldoge.torch.FusedAttention.Positions;
import dev.smalldoge.torch.FusedKernels;
import dev.smalldoge.torch.FusedKernels.Normed;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.Map;

/**
 * One layer of the fused step: what its forward pass keeps, and its gradients written out.
 *
 * <p>With N tokens of width d: x (N, d) comes in, h = norm(x), x' = residual · x + attention(h), h'
 * = norm(x'), and residual' · x' + mlp(h') goes out, whose sum is the next layer's first operation.
 */
final class FusedLayer {
  private final FusedWork work;
  private final FusedKernels kernels;
  private final FusedWeights matrices;
  private final FusedScratch scratch;
  private final int number;
  private final Map<String, Tensor> masters;
  private final Map<String, Tensor> gradients;
  private final FoldWeights foldWeights;
  private final FoldWeights foldGradients;
  private final Normed input;
  private final Normed middle;
  private final Tensor qkv;
  private final Folded folded;
  private final FusedMlp mlp;
  private Attended attended;

  FusedLayer(FusedWork work, FusedActivations kept, int number) {
    this.work = work;
    this.kernels = work.kernels();
    this.matrices = work.matrices();
    this.scratch = work.scratch();
    this.number = number;
    this.masters = work.weights().byName();
    this.gradients = matrices.gradients();
    this.foldWeights = foldWeights(masters);
    this.foldGradients = foldWeights(gradients);
    this.input = kept.input();
    this.middle = kept.middle();
    this.qkv = kept.qkv();
    this.folded = kept.folded();
    this.mlp = new FusedMlp(work, kept, number);
  }

  private FoldWeights foldWeights(Map<String, Tensor> from) {
    String at = "model.layers." + number + ".self_attn.";
    return new FoldWeights(
        from.get(at + "q_norm.weight"),
        from.get(at + "k_norm.weight"),
        from.get(at + "dt_proj.weight"),
        from.get(at + "A"));
  }

  private String name(String part) {
    return "model.layers." + number + "." + part;
  }

  /** The norm of the layer's input, and that input. */
  Normed input() {
    return input;
  }

  /** Its weight. */
  Tensor inputNorm() {
    return masters.get(name("input_layernorm.weight"));
  }

  /** What the next sum starts from: x', to be taken residual' times. */
  Tensor stream() {
    return middle.sum();
  }

  /** The residual vector of the MLP half. */
  Tensor residual() {
    return masters.get(name("post_attention_residual"));
  }

  /** The router's scores of this pass, (N, 2K) FLOAT32. */
  Tensor routerScores() {
    return mlp.routerScores();
  }

  /** Runs from {@link #input}, already computed, to the MLP's branch in the scratch. */
  void forward(Positions positions) {
    attend(positions);
    mlp.forward(middle.normed());
    if (work.recompute() == Recompute.LAYERS) {
      forget();
    }
  }

  /** Gives back what the way back would need. */
  void forget() {
    if (attended != null) {
      attended.close();
      attended = null;
    }
  }

  /** From the input's norm to {@link #stream} and its norm. */
  private void attend(Positions positions) {
    int n = work.tokens();
    int d = work.hidden();
    int width = work.attended();
    int all = work.projected();
    double eps = work.config().rmsNormEps();
    FusedAttention attention = kernels.attention();
    forget(); // of a pass that did not come to its end
    kernels.linear(input.normed(), matrices.attentionInput(number).copy(), qkv, n, d, all);
    attention.fold(qkv, foldWeights, positions, folded, n, scratch.length(), eps);
    attended = released(attention.attend(folded.queries(), folded.keys(), qkv));
    kernels.linear(
        attended.out(), matrices.attentionOutput(number).copy(), scratch.branch(), n, width, d);
    kernels.addNorm(
        input.sum(),
        masters.get(name("input_residual")),
        scratch.branch(),
        masters.get(name("post_attention_layernorm.weight")),
        middle,
        n,
        eps);
  }

  private static Attended released(Attended attended) {
    TensorScope.release(attended.out());
    TensorScope.release(attended.normalizer());
    TensorScope.release(attended.seed());
    TensorScope.release(attended.offset());
    return attended;
  }

  /**
   * Turns the gradient of what went out, in the scratch's {@code dx}, into that of x, there.
   *
   * @param scoresGradient (N, 2K) FLOAT32, what else the router's scores get; null for nothing
   */
  void backward(Positions positions, Tensor scoresGradient) {
    if (work.recompute() == Recompute.LAYERS) {
      kernels.norm(input, inputNorm(), work.tokens(), work.config().rmsNormEps());
      attend(positions);
    }
    if (work.recompute() != Recompute.NOTHING) {
      mlp.openGates(middle.normed());
    }
    mlp.backward(middle.normed(), scoresGradient);
    kernels.addNormBackward(
        scratch.dnormed(),
        scratch.dx(),
        masters.get(name("post_attention_residual")),
        middle,
        masters.get(name("post_attention_layernorm.weight")),
        scratch.dmiddle(),
        gradients.get(name("post_attention_layernorm.weight")),
        gradients.get(name("post_attention_residual")),
        work.tokens());
    attentionBackward(positions);
  }

  private void attentionBackward(Positions positions) {
    int n = work.tokens();
    int d = work.hidden();
    int width = work.attended();
    int all = work.projected();
    FusedWeights.Matrix out = matrices.attentionOutput(number);
    FusedWeights.Matrix in = matrices.attentionInput(number);
    kernels.linearBackward(scratch.dmiddle(), out.copy(), scratch.dattended(), n, width, d);
    kernels.addWeightGradient(scratch.dmiddle(), attended.out(), out.gradient(), n, width, d);
    try (TensorScope scope = new TensorScope()) {
      Tensor[] found =
          kernels
              .attention()
              .attendBackward(scratch.dattended(), folded.queries(), folded.keys(), qkv, attended);
      forget();
      kernels
          .attention()
          .foldBackward(
              found,
              qkv,
              folded,
              foldWeights,
              positions,
              scratch.dqkv(),
              foldGradients,
              n,
              scratch.length(),
              work.config().rmsNormEps());
    }
    kernels.linearBackward(scratch.dqkv(), in.copy(), scratch.dnormed(), n, d, all);
    kernels.addWeightGradient(scratch.dqkv(), input.normed(), in.gradient(), n, d, all);
    kernels.addNormBackward(
        scratch.dnormed(),
        scratch.dmiddle(),
        masters.get(name("input_residual")),
        input,
        inputNorm(),
        scratch.dx(),
        gradients.get(name("input_layernorm.weight")),
        gradients.get(name("input_residual")),
        n);
  }
}
