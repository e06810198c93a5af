package dev.smalldoge.train;

import java.util.Map;

/**
 * What an evaluation on held-out text found.
 *
 * @param step optimizer updates done before it
 * @param loss nats per counted token
 * @param countedTokens what it was measured on: tokens, or preference pairs
 * @param extra further figures by name, each per counted thing
 */
public record EvaluationMetrics(
    long step, double loss, long countedTokens, Map<String, Double> extra) {
  /** Takes its own copy of the map. */
  public EvaluationMetrics {
    extra = Map.copyOf(extra);
  }

  /** The loss alone. */
  public EvaluationMetrics(long step, double loss, long countedTokens) {
    this(step, loss, countedTokens, Map.of());
  }

  /** exp(loss). */
  public double perplexity() {
    return Math.exp(loss);
  }
}
