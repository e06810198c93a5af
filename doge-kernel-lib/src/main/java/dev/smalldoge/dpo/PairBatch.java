package dev.smalldoge.dpo;

import dev.smalldoge.config.PreferenceLoss;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.train.MicroBatch;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * P pairs in one forward pass: P rows of prompt and chosen answer, then P of prompt and rejected
 * answer.
 *
 * <p>Rows are padded on the right, which needs no mask: attention is causal, so that no token sees
 * padding, and padding has no label.
 *
 * @param input ids (2P, T)
 * @param labels INT64 (2P, T): the answers' ids, −100 elsewhere
 * @param lengths FLOAT64 (2P), tokens of each answer
 * @param reference FLOAT64 (2P), the reference model's log-probability of each answer
 * @param loss form of the loss
 */
record PairBatch(
    ModelInput input, Tensor labels, Tensor lengths, Tensor reference, PreferenceLoss loss)
    implements MicroBatch {
  /** Names of the figures beside the loss, in the order in which the operation returns them. */
  static final List<String> FIGURES =
      List.of(
          PreferenceRun.REWARD_MARGIN,
          PreferenceRun.PREFERENCE_ACCURACY,
          "chosenLogProbability",
          "rejectedLogProbability",
          "klEstimate");

  @Override
  public long counted() {
    return input.batchSize() / 2;
  }

  @Override
  public long tokens() {
    return (long) input.batchSize() * input.length();
  }

  @Override
  public Result backward(DogeForCausalLm model, long countedInStep, int microBatches) {
    Tensor[] figures = new Tensor[1];
    model.backward(
        input,
        labels,
        logProbabilities -> {
          Tensor[] found = loss(model.operations(), logProbabilities, 1.0 / countedInStep);
          figures[0] = TensorScope.release(found[1]);
          return found[0];
        });
    return result(model.operations(), figures[0]);
  }

  /** The loss and the figures of a model that does not learn from them. */
  Result measure(DogeForCausalLm model) {
    try (TensorScope scope = new TensorScope()) {
      Tensor[] found = loss(model.operations(), model.logProbabilities(input, labels), 1);
      return result(model.operations(), TensorScope.release(found[1]));
    }
  }

  /** Log-probability of each answer, FLOAT64 (2P). */
  Tensor answers(DogeForCausalLm model) {
    try (Tensor logProbabilities = model.logProbabilities(input, labels)) {
      return model.operations().fineTuning().rowSums(logProbabilities, input.batchSize());
    }
  }

  private Tensor[] loss(Operations operations, Tensor logProbabilities, double scale) {
    return operations
        .fineTuning()
        .preferenceLoss(
            logProbabilities,
            reference,
            lengths,
            loss.beta(),
            loss.labelSmoothing(),
            loss.form() == PreferenceLoss.Form.IPO,
            scale);
  }

  private static Result result(Operations operations, Tensor figures) {
    try (figures) {
      Map<String, Tensor> sums = new LinkedHashMap<>();
      for (int i = 0; i < FIGURES.size(); i++) {
        sums.put(FIGURES.get(i), TensorScope.release(operations.rows(figures, i + 1, 1)));
      }
      return new Result(TensorScope.release(operations.rows(figures, 0, 1)), null, sums);
    }
  }

  @Override
  public void close() {
    input.inputIds().close();
    labels.close();
    lengths.close();
    reference.close();
  }
}
