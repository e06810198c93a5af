package dev.smalldoge.dpo;

import dev.smalldoge.config.World;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.train.EndedRun;
import dev.smalldoge.train.LossHistory;
import dev.smalldoge.train.TrainingRun;
import java.util.Locale;
import org.knowm.xchart.XYChart;

/**
 * A preference optimisation that ended: its model, ready to be used, and what the run found; losses
 * are nats per pair.
 *
 * @param model the trained model with its tokenizer; {@link #close} closes it
 * @param result losses, steps, folder
 */
public record PreferenceRun(LanguageModel model, TrainingRun.Result result)
    implements EndedRun, AutoCloseable {
  /** Name of the mean of beta · (log-ratio of chosen − log-ratio of rejected), in nats. */
  public static final String REWARD_MARGIN = "rewardMargin";

  /** Name of the part of the pairs whose margin is above 0. */
  public static final String PREFERENCE_ACCURACY = "preferenceAccuracy";

  /** Mean reward margin of the last step of this session. */
  public double rewardMargin() {
    return result.history().lastFigure(REWARD_MARGIN);
  }

  /** Part of the held-out pairs whose margin is above 0, at the last evaluation. */
  public double heldOutAccuracy() {
    return result.history().lastEvaluation(PREFERENCE_ACCURACY);
  }

  /** Mean reward margin of the held-out pairs at the last evaluation. */
  public double heldOutMargin() {
    return result.history().lastEvaluation(REWARD_MARGIN);
  }

  /** The reward margins of this session over the steps. */
  public XYChart marginChart() {
    return result.history().chart(folder().toString(), REWARD_MARGIN);
  }

  void saveCharts() {
    LossHistory history = result.history();
    boolean writes = World.ofEnvironment().isFirst();
    if (writes && result.complete() && !history.losses().isEmpty()) {
      history.savePng(folder().toString(), REWARD_MARGIN, folder().resolve("margin.png"));
    }
  }

  @Override
  public String toString() {
    return result.heading()
        + String.format(Locale.ROOT, "loss %.4f, margin %.4f", loss(), rewardMargin())
        + EndedRun.measured(", held-out margin %.4f", heldOutMargin())
        + EndedRun.measured(", held-out accuracy %.3f", heldOutAccuracy());
  }

  @Override
  public void close() {
    model.close();
  }
}
