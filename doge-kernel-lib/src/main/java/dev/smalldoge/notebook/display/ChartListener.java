package dev.smalldoge.notebook.display;

import dev.smalldoge.train.EvaluationMetrics;
import dev.smalldoge.train.StepMetrics;
import dev.smalldoge.train.TrainingListener;
import java.time.Duration;
import java.util.function.LongSupplier;

/** Feeds a chart with what a training run tells, and with the memory that it takes. */
final class ChartListener implements TrainingListener {
  private static final double SECONDS_BETWEEN_LOOKS = 1;

  private final LiveChart chart;
  private final LongSupplier memory;
  private StepMetrics first;
  private double lookedAt = Double.NEGATIVE_INFINITY;
  private long memoryBytes;

  /** Feeds {@code chart}; {@code memory} tells bytes in use and is asked once a second. */
  ChartListener(LiveChart chart, LongSupplier memory) {
    this.chart = chart;
    this.memory = memory;
  }

  @Override
  public void stepped(StepMetrics m) {
    first = first == null ? m : first;
    if (m.seconds() - lookedAt >= SECONDS_BETWEEN_LOOKS) {
      lookedAt = m.seconds();
      memoryBytes = memory.getAsLong();
    }
    chart.add(
        new TrainingMoment(
            m.step() + 1,
            m.maxSteps(),
            m.loss(),
            Double.NaN,
            m.learningRate(),
            m.gradNorm(),
            m.tokensPerSecond(),
            memoryBytes,
            remaining(m)));
  }

  /** The pace since the first step, over the steps to come. */
  private Duration remaining(StepMetrics m) {
    long done = m.step() - first.step();
    if (done == 0) {
      return null;
    }
    double secondsPerStep = (m.seconds() - first.seconds()) / done;
    return Duration.ofMillis(Math.round(1e3 * secondsPerStep * (m.maxSteps() - m.step() - 1)));
  }

  @Override
  public void evaluated(EvaluationMetrics m) {
    chart.addEvaluation(m.step(), m.loss());
  }

  @Override
  public void finished(boolean complete) {
    if (complete) {
      chart.close();
    } else {
      chart.close("stopped and saved: run the cell again to go on");
    }
  }
}
