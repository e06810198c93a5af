package dev.smalldoge.torch;

/**
 * The language-model head of the fused training step, and the embedding's gradient: N tokens, d
 * hidden width, V vocabulary.
 */
public final class FusedHead {
  private static final int ROW_THREADS = 512;

  private final Operations operations;
  private final CudaKernels kernels;
  private final CuBlas blas;
  private final int hidden;
  private final Tensor scale;
  private double scaledBy;

  FusedHead(Operations operations, CudaKernels kernels, CuBlas blas, int hidden) {
    this.operations = operations;
    this.kernels = kernels;
    this.blas = blas;
    this.hidden = hidden;
    this.scale = TensorScope.release(operations.zeros(DType.INT64, 1));
  }

  /**
   * Sets what losses multiply their gradients by from here on, in the order of the device's work:
   * kernels read it there, so that a recorded one serves every factor.
   */
  public void scale(double factor) {
    if (factor != scaledBy) {
      long[] bits = {Double.doubleToLongBits(factor)};
      try (Tensor fresh = operations.longs(bits, 1)) {
        operations.copyInto(scale, fresh);
      }
      scaledBy = factor;
    }
  }

  /**
   * What becomes of each token, FLOAT32 (N).
   *
   * @param losses in nats
   * @param hits 1 where the label is the likeliest, of equal ones the first, else 0; null to leave
   *     that out
   */
  public record Found(Tensor losses, Tensor hits) {}

  /**
   * Loss and {@linkplain #scale scaled} gradient of logits (n, V) against labels, in place.
   *
   * @param found of which n from {@code start} are written
   */
  public void crossEntropy(
      Tensor logits, Tensor labels, Found found, long start, int n, long vocab) {
    int blocks = Math.min(n, 2 * kernels.processors());
    long label = labels.address() + 8 * start;
    long loss = found.losses.address() + 4 * start;
    if (found.hits == null) {
      kernels.launch("cross_entropy", blocks, 1, ROW_THREADS, logits, label, loss, vocab, n, scale);
    } else {
      long hit = found.hits.address() + 4 * start;
      kernels.launch(
          "cross_entropy_hits", blocks, 1, ROW_THREADS, logits, label, loss, hit, vocab, n, scale);
    }
  }

  /** gradient (V, d) FLOAT32 += rows of dx (N, d) by id, but for the padding token. */
  public void embedBackward(Tensor dx, Tensor ids, Tensor gradient, long rows, long padding) {
    kernels.launch(
        "embed_backward",
        CudaKernels.blocks(rows),
        1,
        CudaKernels.THREADS,
        dx,
        ids,
        gradient,
        rows,
        padding);
  }

  /**
   * Nats of hidden states (N, d) against labels (N), and their {@linkplain #scale scaled}
   * gradients, by chunks of tokens.
   *
   * @param weight (V, d)
   * @param logits room for a chunk, (chunk, V)
   * @param found room for each token's
   * @param gradient of the hidden states, overwritten
   * @param dweight FLOAT32 (V, d), added to
   */
  public void headLoss(
      Tensor hiddenStates,
      Tensor weight,
      Tensor labels,
      Tensor logits,
      Found found,
      Tensor gradient,
      Tensor dweight) {
    int n = Math.toIntExact(found.losses.size());
    int chunk = Math.toIntExact(logits.shape()[0]);
    int vocab = Math.toIntExact(logits.shape()[1]);
    for (int start = 0; start < n; start += chunk) {
      int rows = Math.min(chunk, n - start);
      long at = 2L * start * hidden;
      long h = hiddenStates.address() + at;
      CudaKernels.count();
      blas.forward(h, weight.address(), logits.address(), rows, hidden, vocab);
      crossEntropy(logits, labels, found, start, rows, vocab);
      CudaKernels.count();
      blas.backward(
          logits.address(), weight.address(), gradient.address() + at, rows, hidden, vocab);
      CudaKernels.count();
      blas.addWeightGradient(logits.address(), h, dweight.address(), rows, hidden, vocab);
    }
  }

  /** The sum of nats, FLOAT64, and that of hits; null where there is no room for them. */
  public Tensor[] sums(Found found) {
    FusedOperations sums = operations.fused();
    return new Tensor[] {
      sums.wideSum(found.losses), found.hits == null ? null : sums.wideSum(found.hits)
    };
  }
}
