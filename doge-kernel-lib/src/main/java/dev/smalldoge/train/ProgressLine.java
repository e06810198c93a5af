package dev.smalldoge.train;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Prints one line about every so many seconds: step, loss, gradNorm, learning rate, tokens per
 * second, time left.
 */
public final class ProgressLine implements TrainingListener {
  private final PrintStream out;
  private final double everySeconds;
  private double shownAt = Double.NEGATIVE_INFINITY;
  private double firstSeconds = -1;
  private long firstStep;

  /** A line to {@code out} at most every {@code everySeconds}, and for the last step. */
  public ProgressLine(PrintStream out, double everySeconds) {
    this.out = out;
    this.everySeconds = everySeconds;
  }

  @Override
  public void stepped(StepMetrics m) {
    if (firstSeconds < 0) {
      firstSeconds = m.seconds();
      firstStep = m.step();
    }
    boolean last = m.step() + 1 == m.maxSteps();
    if (m.seconds() - shownAt < everySeconds && !last) {
      return;
    }
    shownAt = m.seconds();
    out.printf(
        Locale.ROOT,
        "step %,d of %,d  loss %.4f  gradNorm %.3f  lr %.2e  %,.0f tokens/s  ETA %s%s%s%n",
        m.step() + 1,
        m.maxSteps(),
        m.loss(),
        m.gradNorm(),
        m.learningRate(),
        m.tokensPerSecond(),
        eta(m),
        figures(m.extra()),
        m.spike() > 4 ? String.format(Locale.ROOT, "  loss spike: z %.1f", m.spike()) : "");
  }

  /** Further figures in the order of their names, as {@code " rewardMargin 0.123"}. */
  private static String figures(Map<String, Double> extra) {
    StringBuilder text = new StringBuilder();
    new TreeMap<>(extra)
        .forEach(
            (name, value) -> text.append(String.format(Locale.ROOT, "  %s %.3f", name, value)));
    return text.toString();
  }

  private String eta(StepMetrics m) {
    long done = m.step() - firstStep;
    if (done == 0) {
      return "?";
    }
    double perStep = (m.seconds() - firstSeconds) / done;
    Duration left = Duration.ofSeconds(Math.round(perStep * (m.maxSteps() - m.step() - 1)));
    return left.toHours() > 0
        ? String.format(Locale.ROOT, "%dh %02dm", left.toHours(), left.toMinutesPart())
        : String.format(Locale.ROOT, "%dm %02ds", left.toMinutes(), left.toSecondsPart());
  }

  @Override
  public void evaluated(EvaluationMetrics m) {
    out.printf(
        Locale.ROOT,
        "held-out text after %,d steps: loss %.4f%s  (%,d counted)%n",
        m.step(),
        m.loss(),
        figures(m.extra()),
        m.countedTokens());
  }

  @Override
  public void saved(java.nio.file.Path checkpoint) {
    out.println("saved " + checkpoint);
  }
}
