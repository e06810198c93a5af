package dev.smalldoge.torch;

/**
 * The named operations of fine-tuning, on one device; see {@link Operations#fineTuning}.
 *
 * <p>Shapes: P pairs, T positions of a row, r rank of an adapter. None of them waits for the
 * device.
 */
public final class FineTuningOperations {
  private final Script script;

  FineTuningOperations(Script script) {
    this.script = script;
  }

  /**
   * The preference loss of P pairs, in FLOAT64.
   *
   * @param logProbabilities FLOAT32 (2P · T): P chosen answers, then P rejected ones; 0 where
   *     nothing is learned
   * @param reference FLOAT64 (2P), sums of the reference model's log-probabilities
   * @param lengths FLOAT64 (2P), learned tokens of each answer
   * @param ipo whether the loss is that of IPO, with log-probabilities per token
   * @param scale factor of the derivative
   * @return the derivative by each log-probability, FLOAT32 (2P · T); and sums over the pairs of
   *     loss, beta · margin, margins above 0, log-probability of chosen, of rejected, and mean
   *     log-ratio of reference to policy, FLOAT64 (6)
   */
  public Tensor[] preferenceLoss(
      Tensor logProbabilities,
      Tensor reference,
      Tensor lengths,
      double beta,
      double labelSmoothing,
      boolean ipo,
      double scale) {
    return script.callTuple(
        "preference_loss", logProbabilities, reference, lengths, beta, labelSmoothing, ipo, scale);
  }

  /** Sums (rows) in FLOAT64 of log-probabilities (rows · T) over each row. */
  public Tensor rowSums(Tensor logProbabilities, int rows) {
    return script.call("row_sums", logProbabilities, rows);
  }

  /** weight = base + scale · b a, in place; base (out, in), a (r, in), b (out, r), FLOAT32. */
  public void mergeAdapter(Tensor weight, Tensor base, Tensor a, Tensor b, double scale) {
    script.call("adapter_merge", weight, base, a, b, scale).close();
  }

  /**
   * Adds the gradients of a and b that follow from the gradient of weight = base + scale · b a.
   *
   * @param gradient FLOAT32 (out, in), of the weight
   */
  public void adapterGradients(
      Tensor gradient, Tensor a, Tensor b, Tensor aGradient, Tensor bGradient, double scale) {
    script.call("adapter_gradients", gradient, a, b, aGradient, bGradient, scale).close();
  }
}
