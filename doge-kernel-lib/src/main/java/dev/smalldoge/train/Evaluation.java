package dev.smalldoge.train;

import dev.smalldoge.model.DogeForCausalLm;

/** Measures a model on held-out text. */
@FunctionalInterface
public interface Evaluation {
  /** The loss of the model as it is after {@code step} updates; no weight changes. */
  EvaluationMetrics run(DogeForCausalLm model, long step);
}
