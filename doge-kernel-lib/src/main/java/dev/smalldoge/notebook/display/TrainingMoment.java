package dev.smalldoge.notebook.display;

import java.time.Duration;
import java.util.Locale;

/**
 * One moment of a training run, as the progress line and the live chart show it.
 *
 * @param step optimizer updates so far
 * @param maxSteps updates of the whole run
 * @param loss training loss of this step, in nats per counted token
 * @param evalLoss evaluation loss if it was measured at this step, else NaN
 * @param learningRate of this step
 * @param gradNorm global L2 norm before clipping, or NaN
 * @param tokensPerSecond counted tokens by the wall clock, or NaN
 * @param memoryBytes memory of the device in use, 0 if unknown
 * @param remaining time to the end at the present pace; null if unknown
 */
public record TrainingMoment(
    long step,
    long maxSteps,
    double loss,
    double evalLoss,
    double learningRate,
    double gradNorm,
    double tokensPerSecond,
    long memoryBytes,
    Duration remaining) {

  /** All of it on one line; what is not known is left out. */
  public String line() {
    StringBuilder line = new StringBuilder();
    line.append(format("step %,d/%,d (%.1f %%)", step, maxSteps, 100.0 * step / maxSteps));
    line.append(format("  loss %.4f", loss));
    append(line, "  eval %.4f", evalLoss);
    append(line, "  lr %.2e", learningRate);
    append(line, "  gradNorm %.3f", gradNorm);
    if (!Double.isNaN(tokensPerSecond)) {
      line.append("  ").append(rate(tokensPerSecond)).append(" tokens/s");
    }
    if (memoryBytes > 0) {
      line.append(format("  %.2f GiB", memoryBytes / (double) (1L << 30)));
    }
    if (remaining != null && step < maxSteps) {
      line.append("  ETA ").append(time(remaining));
    }
    return line.toString();
  }

  private static void append(StringBuilder line, String form, double value) {
    if (!Double.isNaN(value)) {
      line.append(format(form, value));
    }
  }

  private static String rate(double perSecond) {
    return perSecond < 10_000 ? format("%,.0f", perSecond) : format("%,.0f k", perSecond / 1_000);
  }

  /** A duration in the two units that matter. */
  static String time(Duration duration) {
    long seconds = Math.max(0, duration.toSeconds());
    if (seconds < 60) {
      return seconds + " s";
    }
    if (seconds < 3_600) {
      return format("%d min %02d s", seconds / 60, seconds % 60);
    }
    return format("%d h %02d min", seconds / 3_600, seconds / 60 % 60);
  }

  private static String format(String form, Object... values) {
    return String.format(Locale.ROOT, form, values);
  }
}
