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
  private final Tensor rest;
  private final Tensor unit;
  private double scaledBy;

  FusedHead(Operations operations, CudaKernels kernels, CuBlas blas, int hidden) {
    this.operations = operations;
    this.kernels = kernels;
    this.blas = blas;
    this.hidden = hidden;
    this.scale = TensorScope.release(operations.zeros(DType.INT64, 1));
    this.rest = TensorScope.release(operations.zeros(DType.FLOAT32, 3));
    this.unit = TensorScope.release(operations.floats(new float[] {1, 0, 1}, 3));
  }

  /**
   * Sets what losses multiply their gradients by from here on, in the order of the device's work:
   * kernels read it there, so that a recorded one serves every factor.
   *
   * <p>Gradients of logits get a power of 2 of it, which bf16 holds, and products with them the
   * rest. The whole factor would be rounded alike in every token, by up to 0.4 %, and in the labels
   * other than in the rest of the vocabulary.
   */
  public void scale(double factor) {
    if (factor != scaledBy) {
      double power = Math.scalb(1.0, Math.getExponent(factor));
      long[] bits = {Double.doubleToLongBits(power)};
      try (Tensor fresh = operations.longs(bits, 1);
          Tensor factors = operations.floats(new float[] {(float) (factor / power), 0, 1}, 3)) {
        operations.copyInto(scale, fresh);
        operations.copyInto(rest, factors);
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
   * Loss of logits (n, V) against labels, and in place of them their gradient times the power of 2
   * of {@link #scale}.
   *
   * @param found of which n from {@code start} are written
   */
  public void crossEntropy(
      Tensor logits, Tensor labels, Found found, long start, int n, long vocab) {
    int blocks = blocks(n);
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

  /**
   * Log-probabilities by logits (n, V), which stay.
   *
   * @param found of which n from {@code start} are written; log-probabilities in place of losses
   */
  public void score(Tensor logits, Tensor labels, Found found, long start, int n) {
    kernels.launch(
        "log_probabilities",
        blocks(n),
        1,
        ROW_THREADS,
        logits,
        labels.address() + 8 * start,
        found.losses.address() + 4 * start,
        found.hits == null ? 0L : found.hits.address() + 4 * start,
        logits.shape()[1],
        n);
  }

  /**
   * In place of logits (n, V), the gradients of {@link #score} times {@code factors}, FLOAT32 (N).
   */
  public void scoreBackward(Tensor logits, Tensor labels, Tensor factors, long start, int n) {
    kernels.launch(
        "log_probabilities_backward",
        blocks(n),
        1,
        ROW_THREADS,
        logits,
        labels.address() + 8 * start,
        factors.address() + 4 * start,
        logits.shape()[1],
        n);
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
    long vocab = logits.shape()[1];
    byChunks(
        labels,
        logits,
        (start, rows) -> {
          forward(hiddenStates, weight, logits, start, rows);
          crossEntropy(logits, labels, found, start, rows, vocab);
          backward(rest, hiddenStates, weight, logits, gradient, dweight, start, rows);
        });
  }

  /**
   * Log-probabilities of labels (N) after hidden states (N, d), by chunks of tokens.
   *
   * @param weight (V, d)
   * @param logits room for a chunk, (chunk, V)
   * @param found overwritten; log-probabilities in place of losses, 0 where there is no label
   */
  public void logProbabilities(
      Tensor hiddenStates, Tensor weight, Tensor labels, Tensor logits, Found found) {
    byChunks(
        labels,
        logits,
        (start, rows) -> {
          forward(hiddenStates, weight, logits, start, rows);
          score(logits, labels, found, start, rows);
        });
  }

  /**
   * The way back through {@link #logProbabilities}, which must have been the last to use {@code
   * logits}: where a chunk holds all tokens, they are still there.
   *
   * @param factors of the log-probabilities' gradients, FLOAT32 (N)
   * @param gradient of the hidden states, overwritten
   * @param dweight FLOAT32 (V, d), added to
   */
  public void logProbabilitiesBackward(
      Tensor hiddenStates,
      Tensor weight,
      Tensor labels,
      Tensor logits,
      Tensor factors,
      Tensor gradient,
      Tensor dweight) {
    boolean kept = labels.size() <= logits.shape()[0];
    byChunks(
        labels,
        logits,
        (start, rows) -> {
          if (!kept) {
            forward(hiddenStates, weight, logits, start, rows);
          }
          scoreBackward(logits, labels, factors, start, rows);
          backward(unit, hiddenStates, weight, logits, gradient, dweight, start, rows);
        });
  }

  /** Works on the tokens from {@code start} on. */
  private interface Chunk {
    void work(int start, int rows);
  }

  private static void byChunks(Tensor labels, Tensor logits, Chunk work) {
    int n = Math.toIntExact(labels.size());
    int chunk = Math.toIntExact(logits.shape()[0]);
    for (int start = 0; start < n; start += chunk) {
      work.work(start, Math.min(chunk, n - start));
    }
  }

  private int blocks(int rows) {
    return Math.min(rows, 2 * kernels.processors());
  }

  /** Logits of a chunk of tokens. */
  private void forward(Tensor hiddenStates, Tensor weight, Tensor logits, int start, int rows) {
    int vocab = Math.toIntExact(logits.shape()[1]);
    long h = hiddenStates.address() + 2L * start * hidden;
    CudaKernels.count();
    blas.forward(h, weight.address(), logits.address(), rows, hidden, vocab);
  }

  /** Where {@code logits} hold their gradient but for a factor; {factor, 0, 1} are given. */
  private void backward(
      Tensor factors,
      Tensor hiddenStates,
      Tensor weight,
      Tensor logits,
      Tensor gradient,
      Tensor dweight,
      int start,
      int rows) {
    int vocab = Math.toIntExact(logits.shape()[1]);
    long at = 2L * start * hidden;
    long h = hiddenStates.address() + at;
    long dlogits = logits.address();
    long by = factors.address();
    CudaKernels.count(2);
    blas.backward(by, dlogits, weight.address(), gradient.address() + at, rows, hidden, vocab);
    blas.addWeightGradient(by, dlogits, h, dweight.address(), rows, hidden, vocab);
  }

  /** The sum of nats, FLOAT64, and that of hits; null where there is no room for them. */
  public Tensor[] sums(Found found) {
    return sums(found, false);
  }

  /** {@link #sums} of what {@link #score} found. */
  public Tensor[] scoreSums(Found found) {
    return sums(found, true);
  }

  private Tensor[] sums(Found found, boolean scores) {
    FusedOperations sums = operations.fused();
    return new Tensor[] {
      sums.wideSum(found.losses, scores),
      found.hits == null ? null : sums.wideSum(found.hits, false)
    };
  }
}
