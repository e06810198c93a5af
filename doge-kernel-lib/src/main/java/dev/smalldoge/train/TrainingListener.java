package dev.smalldoge.train;

import java.nio.file.Path;

/** Hears what a run does; logging, charts and notebooks are listeners. */
public interface TrainingListener {
  /** A step was done; called in order, up to one step late. */
  default void stepped(StepMetrics metrics) {}

  /** Held-out text was evaluated. */
  default void evaluated(EvaluationMetrics metrics) {}

  /** A checkpoint is complete under its final name. */
  default void saved(Path checkpoint) {}

  /** The run ended: all steps were done, or a stop was asked for. */
  default void finished(boolean complete) {}
}
