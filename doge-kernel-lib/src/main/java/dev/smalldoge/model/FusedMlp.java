package dev.smalldoge.model;

import dev.smalldoge.torch.FusedExperts.Choice;
import dev.smalldoge.torch.FusedKernels;
import dev.smalldoge.torch.Tensor;

/**
 * The feed-forward half of a layer in the fused step: SwiGLU, and experts beside it where the model
 * has them, from the normed stream (N, d) to the scratch's branch and back.
 */
final class FusedMlp {
  private final FusedWork work;
  private final FusedKernels kernels;
  private final FusedWeights matrices;
  private final FusedScratch scratch;
  private final int number;
  private final Tensor gateAndUp;
  private final Choice choice;

  FusedMlp(FusedWork work, FusedActivations kept, int number) {
    this.work = work;
    this.kernels = work.kernels();
    this.matrices = work.matrices();
    this.scratch = work.scratch();
    this.number = number;
    this.gateAndUp = kept.gateAndUp();
    this.choice = kept.choice();
  }

  /** The router's scores (N, 2K) FLOAT32. */
  Tensor routerScores() {
    return choice.scores();
  }

  void forward(Tensor x) {
    int n = work.tokens();
    int d = work.hidden();
    int inner = work.inner();
    Tensor down = matrices.down(number).copy();
    openGates(x);
    kernels.swiglu(gateAndUp, scratch.inner(), n, inner);
    if (choice == null) {
      kernels.linear(scratch.inner(), down, scratch.branch(), n, inner, d);
      return;
    }
    kernels
        .experts()
        .orElseThrow()
        .forward(x, matrices.experts(number), choice, scratch.branch(), n);
    kernels.addLinear(scratch.inner(), down, scratch.branch(), n, inner, d);
  }

  /** Computes the two branches, for the first time or again. */
  void openGates(Tensor x) {
    Tensor both = matrices.gateAndUp(number).copy();
    kernels.linear(x, both, gateAndUp, work.tokens(), work.hidden(), 2 * work.inner());
  }

  /**
   * From the branch's gradient in the scratch's {@code dx} to that of x in its {@code dnormed}.
   *
   * @param scoresGradient (N, 2K) FLOAT32, what else the router's scores get; null for nothing
   */
  void backward(Tensor x, Tensor scoresGradient) {
    int n = work.tokens();
    int d = work.hidden();
    int inner = work.inner();
    FusedWeights.Matrix down = matrices.down(number);
    FusedWeights.Matrix both = matrices.gateAndUp(number);
    kernels.linearBackward(scratch.dx(), down.copy(), scratch.inner(), n, inner, d);
    kernels.swigluBackward(gateAndUp, scratch.inner(), n, inner);
    kernels.addWeightGradient(scratch.dx(), scratch.inner(), down.gradient(), n, inner, d);
    kernels.addWeightGradient(gateAndUp, x, both.gradient(), n, d, 2 * inner);
    if (choice == null) {
      kernels.linearBackward(gateAndUp, both.copy(), scratch.dnormed(), n, d, 2 * inner);
      return;
    }
    kernels
        .experts()
        .orElseThrow()
        .backward(
            x,
            scratch.dx(),
            matrices.experts(number),
            choice,
            scoresGradient,
            scratch.dnormed(),
            matrices.expertGradients(number),
            scratch.expertRoom(),
            n);
    kernels.addLinearBackward(gateAndUp, both.copy(), scratch.dnormed(), n, d, 2 * inner);
  }
}
