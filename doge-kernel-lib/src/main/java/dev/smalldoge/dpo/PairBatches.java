package dev.smalldoge.dpo;

import dev.smalldoge.config.PreferenceLoss;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.train.BatchSource;
import dev.smalldoge.train.MicroBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Micro-batches of preference pairs in a seeded order, another one each epoch, with no end. */
final class PairBatches implements BatchSource {
  private final PreferencePairs pairs;
  private final ReferenceScores reference;
  private final PreferenceLoss loss;
  private final int pairsPerBatch;
  private final long seed;
  private final Operations operations;
  private long position;
  private long epoch = -1;
  private int[] order;

  PairBatches(
      PreferencePairs pairs,
      ReferenceScores reference,
      PreferenceLoss loss,
      int pairsPerBatch,
      long seed,
      Operations operations) {
    this.pairs = pairs;
    this.reference = reference;
    this.loss = loss;
    this.pairsPerBatch = pairsPerBatch;
    this.seed = seed;
    this.operations = operations;
  }

  @Override
  public List<MicroBatch> next(int count) {
    List<MicroBatch> window = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      int[] indices = new int[pairsPerBatch];
      for (int j = 0; j < pairsPerBatch; j++) {
        indices[j] = indexAt(position * pairsPerBatch + j);
      }
      position++;
      window.add(batch(pairs, reference, loss, operations, indices));
    }
    return window;
  }

  private int indexAt(long place) {
    long wanted = place / pairs.count();
    if (wanted != epoch) {
      epoch = wanted;
      order = PreferencePairs.order(pairs.count(), 31 * seed + epoch);
    }
    return order[(int) (place % pairs.count())];
  }

  /** The pairs of these indices as one batch. */
  static PairBatch batch(
      PreferencePairs pairs,
      ReferenceScores reference,
      PreferenceLoss loss,
      Operations operations,
      int... indices) {
    int length =
        ModelInput.sharedLength(
            operations.device(),
            Arrays.stream(indices).map(i -> pairs.pair(i).length()).max().orElseThrow(),
            pairs.maxLength());
    int rows = 2 * indices.length;
    long[] ids = new long[rows * length];
    long[] labels = new long[ids.length];
    Arrays.fill(ids, pairs.tokenizer().padTokenId());
    Arrays.fill(labels, DogeForCausalLm.IGNORE_INDEX);
    double[] lengths = new double[rows];
    double[] scores = new double[rows];
    for (int row = 0; row < rows; row++) {
      int index = indices[row % indices.length];
      boolean chosen = row < indices.length;
      EncodedPair pair = pairs.pair(index);
      int[] answer = chosen ? pair.chosen() : pair.rejected();
      int at = row * length;
      for (int id : pair.prompt()) {
        ids[at++] = id;
      }
      for (int id : answer) {
        labels[at] = id;
        ids[at++] = id;
      }
      lengths[row] = answer.length;
      scores[row] = reference == null ? 0 : reference.of(index, chosen);
    }
    return new PairBatch(
        new ModelInput(
            operations.longs(ids, rows, length),
            List.of(),
            false,
            List.of(),
            List.of(),
            rows,
            length),
        operations.longs(labels, rows, length),
        operations.doubles(lengths, rows),
        operations.doubles(scores, rows),
        loss);
  }

  @Override
  public long position() {
    return position;
  }

  @Override
  public void seek(long newPosition) {
    position = newPosition;
  }
}
