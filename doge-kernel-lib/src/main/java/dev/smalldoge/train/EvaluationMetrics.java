package dev.smalldoge.train;

/**
 * What an evaluation on held-out text found.
 *
 * @param step optimizer updates done before it
 * @param loss nats per counted token
 * @param countedTokens tokens it was measured on
 */
public record EvaluationMetrics(long step, double loss, long countedTokens) {
  /** exp(loss). */
  public double perplexity() {
    return Math.exp(loss);
  }
}
