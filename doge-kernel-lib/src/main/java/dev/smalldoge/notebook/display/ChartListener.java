package dev.smalldoge.notebook.display;

import dev.smalldoge.train.EvaluationMetrics;
import dev.smalldoge.train.StepMetrics;
import dev.smalldoge.train.TrainingListener;
import java.time.Duration;

/** Feeds a chart with what a training run tells. */
final class ChartListener implements TrainingListener {
  private final LiveChart chart;
  private StepMetrics first;

  ChartListener(LiveChart chart) {
    this.chart = chart;
  }

  @Override
  public void stepped(StepMetrics m) {
    first = first == null ? m : first;
    chart.add(
        new TrainingMoment(
            m.step() + 1,
            m.maxSteps(),
            m.loss(),
            Double.NaN,
            m.learningRate(),
            m.gradNorm(),
            m.tokensPerSecond(),
            0,
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
    chart.close();
  }
}
