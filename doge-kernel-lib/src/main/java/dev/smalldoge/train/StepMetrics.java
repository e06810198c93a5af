package dev.smalldoge.train;

import java.util.Map;

/**
 * What one optimizer step did.
 *
 * @param step number of the step, from 0
 * @param maxSteps steps of the whole run
 * @param loss nats per counted token over the whole step, before the update
 * @param auxLoss load-balancing loss, mean over the micro-batches; 0 without experts
 * @param gradNorm global L2 norm of the gradients before clipping
 * @param learningRate of this step's update
 * @param countedTokens tokens of this step whose label counted
 * @param tokensSeen counted tokens since the start of training
 * @param tokensPerSecond tokens through the model per second of wall clock, this step
 * @param seconds wall clock since this session's first step
 * @param spike z-score of the loss among the last 100 steps; 0 while there are fewer than 10
 * @param extra further figures by name, each per counted thing
 */
public record StepMetrics(
    long step,
    long maxSteps,
    double loss,
    double auxLoss,
    double gradNorm,
    double learningRate,
    long countedTokens,
    long tokensSeen,
    double tokensPerSecond,
    double seconds,
    double spike,
    Map<String, Double> extra) {
  /** exp(loss). */
  public double perplexity() {
    return Math.exp(loss);
  }
}
