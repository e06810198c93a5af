package dev.smalldoge.torch;

/**
 * The cross domain mixture of experts of the fused training step, routed per token: N tokens, d
 * hidden width, K product keys of a half, E = K² experts of one neuron each, k of them a token.
 *
 * <p>Experts' rows are read where they lie, and nothing of width d is kept for a choice. Gradients
 * of the experts are summed expert by expert over a list of the tokens that chose it.
 */
public final class FusedExperts {
  /** The most keys of a half, and the most experts a token, that the kernels hold. */
  public static final int MOST_KEYS = 128;

  /** The most experts of a token. */
  public static final int MOST_CHOSEN = 64;

  private static final int LEAST_SHARE = 16;
  private static final int LARGEST_SHARE = 256;
  private static final int ONE_BLOCK = 1_024;

  private final CudaKernels kernels;
  private final CuBlas blas;
  private final int hidden;
  private final int keys;
  private final int chosen;
  private final Tensor counts;
  private final Tensor starts;

  FusedExperts(
      Operations operations, CudaKernels kernels, CuBlas blas, int hidden, int keys, int chosen) {
    this.kernels = kernels;
    this.blas = blas;
    this.hidden = hidden;
    this.keys = keys;
    this.chosen = chosen;
    long experts = (long) keys * keys;
    this.counts = TensorScope.release(operations.zeros(DType.FLOAT32, experts));
    this.starts = TensorScope.release(operations.zeros(DType.FLOAT32, experts));
  }

  /** Router (2K, d), down and up (E, d): BFLOAT16 copies, or FLOAT32 gradients. */
  public record ExpertWeights(Tensor router, Tensor down, Tensor up) {}

  /**
   * A layer's choice.
   *
   * @param scores (N, 2K) FLOAT32, the router's
   * @param ids (N, k), whole numbers of 4 bytes, best first
   * @param shares (N, k) FLOAT32, their softmax
   * @param before (N, k) FLOAT32, each chosen neuron before its silu
   */
  public record Choice(Tensor scores, Tensor ids, Tensor shares, Tensor before) {}

  /**
   * What the way back works in.
   *
   * @param scores (N, 2K) BFLOAT16
   * @param upFactors (N, k) FLOAT32
   * @param downFactors (N, k) FLOAT32
   * @param slots (N, k), whole numbers of 4 bytes
   */
  public record Room(Tensor scores, Tensor upFactors, Tensor downFactors, Tensor slots) {}

  /** out (N, d) = Σ over the chosen of softmax(score) · silu(down · x) · up. */
  public void forward(Tensor x, ExpertWeights weights, Choice choice, Tensor out, int n) {
    CudaKernels.count();
    blas.forwardWide(
        x.address(), weights.router.address(), choice.scores.address(), n, hidden, 2 * keys);
    long blocks = CudaKernels.blocks(n);
    kernels.launch(
        "route", blocks, 1, CudaKernels.THREADS, choice.scores, choice.ids, choice.shares, n);
    kernels.launch(
        "experts",
        blocks,
        1,
        CudaKernels.THREADS,
        x,
        choice.ids,
        choice.shares,
        weights.down,
        weights.up,
        choice.before,
        out,
        n);
  }

  /**
   * Writes the gradient of x through experts and router, and adds to those of the weights.
   *
   * @param gradient of out, (N, d)
   * @param scoresGradient (N, 2K) FLOAT32, what the scores' other uses add to their gradient; null
   *     for nothing
   */
  public void backward(
      Tensor x,
      Tensor gradient,
      ExpertWeights weights,
      Choice choice,
      Tensor scoresGradient,
      Tensor dx,
      ExpertWeights gradients,
      Room room,
      int n) {
    kernels.launch(
        "experts_backward",
        CudaKernels.blocks(n),
        1,
        CudaKernels.THREADS,
        gradient,
        choice.ids,
        choice.shares,
        choice.before,
        weights.down,
        weights.up,
        scoresGradient,
        room.upFactors,
        room.downFactors,
        dx,
        room.scores,
        counts,
        n);
    sumByExpert(x, gradient, choice, gradients, room, n);
    CudaKernels.count();
    blas.addBackward(
        room.scores.address(), weights.router.address(), dx.address(), n, hidden, 2 * keys);
    CudaKernels.count();
    blas.addWeightGradient(
        room.scores.address(), x.address(), gradients.router.address(), n, hidden, 2 * keys);
  }

  private void sumByExpert(
      Tensor x, Tensor gradient, Choice choice, ExpertWeights gradients, Room room, int n) {
    long slots = (long) n * chosen;
    long warps = 32L * kernels.processors();
    long share = Math.max(LEAST_SHARE, Math.min(LARGEST_SHARE, slots / warps));
    kernels.launch("expert_starts", 1, 1, ONE_BLOCK, counts, starts);
    kernels.launch(
        "list_slots",
        kernels.elementBlocks(slots),
        1,
        CudaKernels.THREADS,
        choice.ids,
        starts,
        room.slots,
        slots);
    kernels.launch(
        "expert_gradients",
        CudaKernels.blocks((slots + share - 1) / share),
        1,
        CudaKernels.THREADS,
        room.slots,
        choice.ids,
        room.upFactors,
        room.downFactors,
        x,
        gradient,
        gradients.down,
        gradients.up,
        slots,
        share);
  }
}
