package dev.smalldoge.train;

import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.torch.TensorScope;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Mean loss and part of the likeliest tokens over the first so many batches of held-out text, the
 * same ones every time.
 */
public final class HeldOutLoss implements Evaluation {
  private final Supplier<BatchSource> fromTheStart;
  private final int batches;

  /**
   * An evaluation.
   *
   * @param fromTheStart opens the held-out text at its beginning; batches are {@link
   *     LanguageModelBatch}es
   * @param batches how many are read
   */
  public HeldOutLoss(Supplier<BatchSource> fromTheStart, int batches) {
    this.fromTheStart = fromTheStart;
    this.batches = batches;
  }

  @Override
  public EvaluationMetrics run(DogeForCausalLm model, long step) {
    BatchSource source = fromTheStart.get();
    double nats = 0;
    double hits = 0;
    long counted = 0;
    for (int i = 0; i < batches; i++) {
      try (TensorScope scope = new TensorScope();
          LanguageModelBatch batch = (LanguageModelBatch) source.next(1).get(0)) {
        DogeForCausalLm.Loss loss = model.measure(batch.input(), batch.labels());
        nats += loss.nats().item();
        hits += loss.hits().item();
        counted += batch.counted();
      }
    }
    double mean = nats / counted;
    Map<String, Double> extra =
        Map.of("perplexity", Math.exp(mean), LanguageModelBatch.TOKEN_ACCURACY, hits / counted);
    return new EvaluationMetrics(step, mean, counted, extra);
  }
}
