package dev.smalldoge.train;

import java.nio.file.Path;
import java.util.Locale;
import org.knowm.xchart.XYChart;

/** What a run of any stage tells once it has ended. */
public interface EndedRun {
  /** Losses, steps, folder. */
  TrainingRun.Result result();

  /** Loss of the last step of this session; not a number where it trained none. */
  default double loss() {
    return result().history().lastLoss();
  }

  /** Loss on held-out data at the last evaluation; not a number without one. */
  default double heldOutLoss() {
    return result().history().lastEvaluationLoss();
  }

  /**
   * A figure as text, or nothing where it was not measured.
   *
   * @param format with one place for the figure
   */
  static String measured(String format, double figure) {
    return Double.isNaN(figure) ? "" : String.format(Locale.ROOT, format, figure);
  }

  /** The run's folder, which is also the model's once all steps are done. */
  default Path folder() {
    return result().folder();
  }

  /** The losses of this session over the steps. */
  default XYChart chart() {
    return result().history().chart(folder().toString());
  }
}
