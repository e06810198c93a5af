package dev.smalldoge.sft;

import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.train.EndedRun;
import dev.smalldoge.train.LanguageModelBatch;
import dev.smalldoge.train.TrainingRun;
import java.util.Locale;

/**
 * A fine-tuning that ended: its model, ready to be used, and what the run found; losses are nats
 * per trained token.
 *
 * @param model the trained model with its tokenizer; {@link #close} closes it
 * @param result losses, steps, folder
 */
public record FineTuningRun(LanguageModel model, TrainingRun.Result result)
    implements EndedRun, AutoCloseable {
  /** Name of the part of a step's tokens that is learned. */
  public static final String TRAINED_TOKEN_SHARE = "trainedTokenShare";

  /** Part of the held-out tokens that the model finds likeliest itself, at the last evaluation. */
  public double heldOutTokenAccuracy() {
    return result.history().lastEvaluation(LanguageModelBatch.TOKEN_ACCURACY);
  }

  @Override
  public String toString() {
    return result.heading()
        + String.format(Locale.ROOT, "loss %.4f", loss())
        + EndedRun.measured(", held-out loss %.4f", heldOutLoss())
        + EndedRun.measured(", held-out token accuracy %.3f", heldOutTokenAccuracy());
  }

  @Override
  public void close() {
    model.close();
  }
}
