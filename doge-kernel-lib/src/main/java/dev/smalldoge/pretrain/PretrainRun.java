package dev.smalldoge.pretrain;

import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.train.EndedRun;
import dev.smalldoge.train.TrainingRun;
import java.util.Locale;

/**
 * A pre-training that ended: its model, ready to be used, and what the run found; losses are nats
 * per token.
 *
 * @param model the trained model with its tokenizer; {@link #close} closes it
 * @param result losses, steps, folder
 */
public record PretrainRun(LanguageModel model, TrainingRun.Result result)
    implements EndedRun, AutoCloseable {
  @Override
  public String toString() {
    return result.heading()
        + String.format(Locale.ROOT, "loss %.4f", loss())
        + EndedRun.measured(", held-out loss %.4f", heldOutLoss());
  }

  @Override
  public void close() {
    model.close();
  }
}
