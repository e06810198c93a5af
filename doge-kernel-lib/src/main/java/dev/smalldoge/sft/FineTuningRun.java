package dev.smalldoge.sft;

import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.train.LanguageModelBatch;
import dev.smalldoge.train.TrainingRun;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.knowm.xchart.XYChart;

/**
 * A fine-tuning that ended: its model, ready to be used, and what the run found.
 *
 * @param model the trained model with its tokenizer; {@link #close} closes it
 * @param result losses, steps, folder
 */
public record FineTuningRun(LanguageModel model, TrainingRun.Result result)
    implements AutoCloseable {
  /** Name of the part of a step's tokens that is learned. */
  public static final String TRAINED_TOKEN_SHARE = "trainedTokenShare";

  /** Nats per trained token of the last step of this session; not a number where it had none. */
  public double loss() {
    List<Double> losses = result.history().losses();
    return losses.isEmpty() ? Double.NaN : losses.get(losses.size() - 1);
  }

  /** Nats per trained token of held-out conversations at the last evaluation. */
  public double heldOutLoss() {
    return result.history().lastEvaluationLoss();
  }

  /** Part of the held-out tokens that the model finds likeliest itself, at the last evaluation. */
  public double heldOutTokenAccuracy() {
    return result.history().lastEvaluation(LanguageModelBatch.TOKEN_ACCURACY);
  }

  /** The run's folder, which is also the model's once all steps are done. */
  public Path folder() {
    return result.folder();
  }

  /** The losses of this session over the steps. */
  public XYChart chart() {
    return result.history().chart(folder().toString());
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%s after %,d steps in %s: loss %.4f, held-out loss %.4f, held-out token accuracy %.3f",
        result.complete() ? "complete" : "stopped",
        result.steps(),
        folder(),
        loss(),
        heldOutLoss(),
        heldOutTokenAccuracy());
  }

  @Override
  public void close() {
    model.close();
  }
}
