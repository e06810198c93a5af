package dev.smalldoge.torch;

import java.util.List;

/**
 * The named operations of what stands on top of a model's layers, on one device; see {@link
 * Operations#head}.
 *
 * <p>Shapes: B batch, T sequence, N tokens, d hidden width, V vocabulary. The logits of all tokens
 * are never there at once.
 */
public final class HeadOperations {
  private final Script script;

  HeadOperations(Script script) {
    this.script = script;
  }

  /** Labels (B, T) moved one to the left, flattened to (N): what each position predicts. */
  public Tensor nextLabels(Tensor labels) {
    return script.call("next_labels", labels);
  }

  /**
   * Sum of nats of hidden states (N, d) against labels (N), and its gradients by chunks of tokens.
   *
   * @param scale factor of the gradients, 1 / counted tokens
   * @param gradients whether to compute gradients at all
   * @param hits whether to count the labels that are the likeliest
   * @param weightGradient at most one FLOAT32 (V, d) array that the gradient is added to
   * @return the sum in FLOAT64, the gradient of the hidden states, and the hits in FLOAT64
   */
  public Tensor[] loss(
      Tensor hidden,
      Tensor weight,
      Tensor labels,
      double scale,
      int chunk,
      boolean gradients,
      boolean hits,
      List<Tensor> weightGradient) {
    return script.callTuple(
        "head_loss", hidden, weight, labels, scale, chunk, gradients, hits, weightGradient);
  }

  /** Log-probability (N) of each label, FLOAT32; 0 where the label is −100. */
  public Tensor logProbabilities(Tensor hidden, Tensor weight, Tensor labels, int chunk) {
    return script.call("head_log_probabilities", hidden, weight, labels, chunk);
  }

  /** Gradient of the hidden states for sum(factors · log-probabilities); see {@link #loss}. */
  public Tensor logProbabilitiesBackward(
      Tensor hidden,
      Tensor weight,
      Tensor labels,
      Tensor factors,
      int chunk,
      List<Tensor> weightGradient) {
    return script.call(
        "head_log_probabilities_backward", hidden, weight, labels, factors, chunk, weightGradient);
  }

  /** Log-probability (N) of each label under logits (N, V). */
  public Tensor labelLogProbabilities(Tensor logits, Tensor labels) {
    return script.call("label_log_probabilities", logits, labels);
  }

  /** Row {@code positions[b]} of each batch entry of (B, T, d): (B, d). */
  public Tensor rowsAt(Tensor x, Tensor positions) {
    return script.call("rows_at", x, positions);
  }

  /** The last position of each row of ids (B, T) that is not {@code padTokenId}: INT64 (B). */
  public Tensor lastPositions(Tensor ids, int padTokenId) {
    return script.call("last_positions", ids, padTokenId);
  }
}
