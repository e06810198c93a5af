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

  FusedHead(Operations operations, CudaKernels kernels, CuBlas blas, int hidden) {
    this.operations = operations;
    this.kernels = kernels;
    this.blas = blas;
    this.hidden = hidden;
  }

  /**
   * Loss and gradient of logits (n, V) against labels, in place.
   *
   * @param losses FLOAT32 (N), of which n from {@code start} are written, in nats
   */
  public void crossEntropy(
      Tensor logits, Tensor labels, Tensor losses, long start, int n, long vocab, double scale) {
    kernels.launch(
        "cross_entropy",
        Math.min(n, 2 * kernels.processors()),
        1,
        ROW_THREADS,
        logits,
        labels.address() + 8 * start,
        losses.address() + 4 * start,
        vocab,
        n,
        scale);
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
   * Sum of nats of hidden states (N, d) against labels (N), and its gradients, by chunks of tokens.
   *
   * @param weight (V, d)
   * @param logits room for a chunk, (chunk, V)
   * @param losses room for (N) FLOAT32
   * @param gradient of the hidden states, overwritten
   * @param dweight FLOAT32 (V, d), added to
   * @return the sum, FLOAT64
   */
  public Tensor headLoss(
      Tensor hiddenStates,
      Tensor weight,
      Tensor labels,
      double scale,
      Tensor logits,
      Tensor losses,
      Tensor gradient,
      Tensor dweight) {
    int n = Math.toIntExact(losses.size());
    int chunk = Math.toIntExact(logits.shape()[0]);
    int vocab = Math.toIntExact(logits.shape()[1]);
    for (int start = 0; start < n; start += chunk) {
      int rows = Math.min(chunk, n - start);
      long at = 2L * start * hidden;
      long h = hiddenStates.address() + at;
      CudaKernels.count();
      blas.forward(h, weight.address(), logits.address(), rows, hidden, vocab);
      crossEntropy(logits, labels, losses, start, rows, vocab, scale);
      CudaKernels.count();
      blas.backward(
          logits.address(), weight.address(), gradient.address() + at, rows, hidden, vocab);
      CudaKernels.count();
      blas.addWeightGradient(logits.address(), h, dweight.address(), rows, hidden, vocab);
    }
    return operations.fused().wideSum(losses);
  }
}
