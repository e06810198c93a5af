package dev.smalldoge.train;

import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.torch.Tensor;
import java.util.Map;

/**
 * Sequences whose next tokens are learned: pre-training and supervised fine-tuning.
 *
 * @param input the ids (B, T) and what they may look at
 * @param labels INT64 (B, T), the ids again, −100 where nothing is learned
 * @param counted labels that count, the first of each row never
 */
public record LanguageModelBatch(ModelInput input, Tensor labels, long counted)
    implements MicroBatch {
  /** Name of the part of the counted tokens that the model found likeliest itself. */
  public static final String TOKEN_ACCURACY = "tokenAccuracy";

  @Override
  public long tokens() {
    return (long) input.batchSize() * input.length();
  }

  @Override
  public Result backward(DogeForCausalLm model, long countedInStep, int microBatches) {
    double auxScale =
        model.config().isMoe() && model.config().outputRouterLogits()
            ? model.config().routerAuxLossCoef() / microBatches
            : 0;
    DogeForCausalLm.Loss loss = model.backward(input, labels, 1.0 / countedInStep, auxScale);
    return new Result(
        loss.nats(),
        loss.auxLoss(),
        loss.hits() == null ? Map.of() : Map.of(TOKEN_ACCURACY, loss.hits()));
  }

  @Override
  public void close() {
    input.inputIds().close();
    input.keyMask().forEach(Tensor::close);
    input.documents().forEach(Tensor::close);
    labels.close();
  }
}
