package dev.smalldoge.torch;

/**
 * Attention of the fused training step: queries and keys folded with their biases by our own
 * kernels, causal attention over them by cuDNN, and both ways back. H query heads, G key/value
 * heads, 128 wide each.
 */
public final class FusedAttention {
  /** Width of a folded query or key: a head, its bias and its document, in steps of 16. */
  public static final int FOLDED_WIDTH = 144;

  /** Documents of a row that bf16 can number exactly. */
  public static final int MOST_DOCUMENTS = 256;

  private static final double SCALE = Math.pow(FusedKernels.HEAD_WIDTH, -0.5);

  private final Operations operations;
  private final CudaKernels kernels;
  private final int heads;
  private final int groups;
  private final Tensor partials;

  FusedAttention(Operations operations, CudaKernels kernels, int heads, int groups) {
    this.operations = operations;
    this.kernels = kernels;
    this.heads = heads;
    this.groups = groups;
    long units = heads + 2L * groups;
    this.partials =
        TensorScope.release(
            operations.fused().empty(DType.FLOAT32, kernels.processors() * units * sums()));
  }

  /** cuDNN learned keys wider than values in 2025; an older one refuses here and not in a step. */
  void tryOut() {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Tensor q = operations.zeros(DType.BFLOAT16, 1, 128, heads, FOLDED_WIDTH);
      Tensor k = operations.zeros(DType.BFLOAT16, 1, 128, groups, FOLDED_WIDTH);
      Tensor qkv =
          operations.zeros(DType.BFLOAT16, 1, 128, heads + 2L * groups, FusedKernels.HEAD_WIDTH);
      Attended attended = attend(q, k, qkv);
      attendBackward(attended.out, q, k, qkv, attended);
    }
  }

  private int sums() {
    return Math.max(groups, 2) * FusedKernels.HEAD_WIDTH;
  }

  /** Weights that a fold works with, all FLOAT32; also a set of their gradients. */
  public record FoldWeights(Tensor queryNorm, Tensor keyNorm, Tensor dtProjection, Tensor a) {}

  /** Rotary tables (T, 128) FLOAT32, and at most one array (N) INT64 of document numbers. */
  public record Positions(Tensor cosines, Tensor sines, Tensor documents, Tensor visible) {}

  /** A token's queries and keys as attention takes them, and dt before softplus, FLOAT32. */
  public record Folded(Tensor queries, Tensor keys, Tensor raw) {}

  /** Normalises, rotates and folds the queries and keys of qkv (N, (H + 2G) · 128). */
  public void fold(
      Tensor qkv,
      FoldWeights weights,
      Positions positions,
      Folded out,
      long rows,
      long length,
      double eps) {
    kernels.launch(
        "fold",
        CudaKernels.blocks(rows * (heads + groups)),
        1,
        CudaKernels.THREADS,
        qkv,
        weights.queryNorm,
        weights.keyNorm,
        positions.cosines,
        positions.sines,
        weights.dtProjection,
        weights.a,
        positions.documents,
        positions.visible,
        out.queries,
        out.keys,
        out.raw,
        rows,
        length,
        eps);
  }

  /** The way back: gradients of folded queries, keys and of values to that of qkv. */
  public void foldBackward(
      Tensor[] gradients,
      Tensor qkv,
      Folded saved,
      FoldWeights weights,
      Positions positions,
      Tensor dqkv,
      FoldWeights weightGradients,
      long rows,
      long length,
      double eps) {
    long blocks = Math.min(CudaKernels.blocks(length), kernels.processors());
    kernels.launch(
        "fold_backward",
        blocks,
        heads + 2 * groups,
        CudaKernels.THREADS,
        gradients[0],
        gradients[1],
        gradients[2],
        qkv,
        saved.raw,
        weights.queryNorm,
        weights.keyNorm,
        positions.cosines,
        positions.sines,
        weights.dtProjection,
        weights.a,
        dqkv,
        partials,
        rows,
        length,
        eps);
    kernels.launch(
        "fold_sums",
        sums() / 32,
        heads + 2 * groups,
        CudaKernels.THREADS,
        partials,
        blocks,
        weightGradients.queryNorm,
        weightGradients.keyNorm,
        weightGradients.a,
        weightGradients.dtProjection);
  }

  /** Attention's result (B, T, H, 128) and what its way back needs. */
  public record Attended(Tensor out, Tensor normalizer, Tensor seed, Tensor offset) {
    /** Gives the memory back. */
    public void close() {
      out.close();
      normalizer.close();
      seed.close();
      offset.close();
    }
  }

  /** Causal attention of folded queries and keys (B, T, heads, 144) over the values in qkv. */
  public Attended attend(Tensor queries, Tensor keys, Tensor qkv) {
    CudaKernels.count();
    Tensor[] parts = operations.fused().attendFused(queries, keys, qkv, SCALE);
    return new Attended(parts[0], parts[1], parts[2], parts[3]);
  }

  /** Gradients of folded queries, folded keys and values, given that of the result. */
  public Tensor[] attendBackward(
      Tensor gradient, Tensor queries, Tensor keys, Tensor qkv, Attended attended) {
    CudaKernels.count();
    return operations.fused().attendFusedBackward(gradient, queries, keys, qkv, attended, SCALE);
  }
}
