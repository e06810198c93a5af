package dev.smalldoge.dpo;

import dev.smalldoge.config.PreferenceLoss;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.train.Evaluation;
import dev.smalldoge.train.EvaluationMetrics;
import dev.smalldoge.train.MicroBatch;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** Loss, margin and accuracy over all held-out pairs, the same ones every time. */
final class HeldOutPairs implements Evaluation {
  private final PreferencePairs pairs;
  private final ReferenceScores reference;
  private final PreferenceLoss loss;
  private final int perForward;

  HeldOutPairs(
      PreferencePairs pairs, ReferenceScores reference, PreferenceLoss loss, int perForward) {
    this.pairs = pairs;
    this.reference = reference;
    this.loss = loss;
    this.perForward = perForward;
  }

  @Override
  public EvaluationMetrics run(DogeForCausalLm model, long step) {
    double sum = 0;
    Map<String, Double> extra = new TreeMap<>();
    for (int from = 0; from < pairs.count(); from += perForward) {
      int[] indices = IntStream.range(from, Math.min(from + perForward, pairs.count())).toArray();
      try (PairBatch batch =
          PairBatches.batch(pairs, reference, loss, model.operations(), indices)) {
        MicroBatch.Result result = batch.measure(model);
        sum += take(result.loss());
        result
            .sums()
            .forEach((name, value) -> extra.merge(name, take(value) / pairs.count(), Double::sum));
      }
    }
    return new EvaluationMetrics(step, sum / pairs.count(), pairs.count(), extra);
  }

  private static double take(Tensor figure) {
    try (figure) {
      return figure.item();
    }
  }
}
