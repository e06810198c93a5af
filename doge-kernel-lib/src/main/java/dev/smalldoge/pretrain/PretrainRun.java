package dev.smalldoge.pretrain;

import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.train.TrainingRun;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.knowm.xchart.XYChart;

/**
 * A pre-training that ended: its model, ready to be used, and what the run found.
 *
 * @param model the trained model with its tokenizer; {@link #close} closes it
 * @param result losses, steps, folder
 */
public record PretrainRun(LanguageModel model, TrainingRun.Result result) implements AutoCloseable {
  /** Nats per token of the last step of this session; not a number where it trained none. */
  public double loss() {
    List<Double> losses = result.history().losses();
    return losses.isEmpty() ? Double.NaN : losses.get(losses.size() - 1);
  }

  /** Nats per token on held-out text at the last evaluation; not a number without one. */
  public double heldOutLoss() {
    return result.history().lastEvaluationLoss();
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
        "%s after %,d steps in %s: loss %.4f, held-out loss %.4f",
        result.complete() ? "complete" : "stopped",
        result.steps(),
        folder(),
        loss(),
        heldOutLoss());
  }

  @Override
  public void close() {
    model.close();
  }
}
