package dev.smalldoge.sft;

import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.train.BatchSource;
import dev.smalldoge.train.MicroBatch;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Batches of packed conversations that also tell which part of the tokens is learned. */
final class ConversationBatches implements BatchSource {
  private final BatchSource batches;

  ConversationBatches(BatchSource batches) {
    this.batches = batches;
  }

  @Override
  public List<MicroBatch> next(int count) {
    List<MicroBatch> window = new ArrayList<>(count);
    batches.next(count).forEach(batch -> window.add(new Shared(batch)));
    return window;
  }

  @Override
  public long position() {
    return batches.position();
  }

  @Override
  public void seek(long position) {
    batches.seek(position);
  }

  /** A batch with one figure more; the batches of a step have as many tokens each. */
  private record Shared(MicroBatch batch) implements MicroBatch {
    @Override
    public long counted() {
      return batch.counted();
    }

    @Override
    public long tokens() {
      return batch.tokens();
    }

    @Override
    public Result backward(DogeForCausalLm model, long countedInStep, int microBatches) {
      Result result = batch.backward(model, countedInStep, microBatches);
      double share = (double) countedInStep / (tokens() * microBatches);
      Map<String, Tensor> sums = new HashMap<>(result.sums());
      // a figure is a sum over what counts, and divided by it
      float sum = (float) (share * counted());
      sums.put(FineTuningRun.TRAINED_TOKEN_SHARE, model.operations().floats(new float[] {sum}, 1));
      return new Result(result.loss(), result.auxLoss(), sums);
    }

    @Override
    public void close() {
      batch.close();
    }
  }
}
