package dev.smalldoge.eval;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Log-probabilities of texts that go on after others. Rows of like length are read together, padded
 * on the right; what a token is worth does not depend on its neighbours in the batch.
 */
final class ContinuationScorer {
  /** Tokens of one forward pass, padding included. */
  private static final int BATCH_TOKENS = 8_192;

  /**
   * Ids of which those from {@code from} on are scored.
   *
   * @param ids context and continuation
   * @param from index of the first scored id, at least 1
   */
  @SuppressWarnings("ArrayRecordComponent") // handed to the model as they are, never compared
  record Scored(int[] ids, int from) {}

  private final LanguageModel languageModel;
  private final int longest;

  ContinuationScorer(LanguageModel languageModel) {
    this.languageModel = languageModel;
    this.longest = languageModel.model().config().maxPositionEmbeddings();
  }

  /**
   * Ids of a prompt and what follows it, cut where the prompt's own tokens end. As in lighteval,
   * spaces at the end of the prompt go over to what follows; too long a prompt loses its beginning.
   */
  Scored encode(String prompt, String continuation) {
    String context = prompt.stripTrailing();
    String rest = prompt.substring(context.length()) + continuation;
    int[] before = languageModel.encode(context);
    int[] whole = languageModel.encode(context + rest);
    int from = Math.min(Math.max(1, before.length), whole.length - 1); // the first has no score
    int scored = whole.length - from;
    check(
        scored < longest,
        "a choice of %d tokens is longer than the model's %d positions; leave it out",
        scored,
        longest);
    int dropped = Math.max(0, whole.length - longest);
    return new Scored(Arrays.copyOfRange(whole, dropped, whole.length), from - dropped);
  }

  /** Ids of a text of which all but the opening one are scored. */
  Scored encodeText(String text) {
    return new Scored(languageModel.encode(text), 1);
  }

  /** Sum of log-probabilities, in nats, of the scored ids of each row. */
  double[] score(List<Scored> rows) {
    double[] sums = new double[rows.size()];
    List<Integer> order =
        IntStream.range(0, rows.size())
            .boxed()
            .sorted(Comparator.comparing(i -> -rows.get(i).ids().length))
            .toList();
    List<Integer> batch = new ArrayList<>();
    for (int i : order) {
      int width = batch.isEmpty() ? 0 : width(rows.get(batch.get(0)));
      if (!batch.isEmpty() && (batch.size() + 1) * width > BATCH_TOKENS) {
        scoreBatch(rows, batch, sums);
        batch.clear();
      }
      batch.add(i);
    }
    scoreBatch(rows, batch, sums);
    return sums;
  }

  /** Of a batch whose longest row this is. */
  private int width(Scored longest) {
    DogeForCausalLm model = languageModel.model();
    return ModelInput.sharedLength(
        model.operations().device(), longest.ids().length, model.config().maxPositionEmbeddings());
  }

  private void scoreBatch(List<Scored> rows, List<Integer> batch, double[] sums) {
    if (batch.isEmpty()) {
      return;
    }
    DogeForCausalLm model = languageModel.model();
    Operations operations = model.operations();
    int width = width(rows.get(batch.get(0)));
    long[][] ids = new long[batch.size()][width];
    long[][] mask = new long[batch.size()][width];
    long[] labels = new long[batch.size() * width];
    Arrays.fill(labels, DogeForCausalLm.IGNORE_INDEX);
    for (int row = 0; row < ids.length; row++) {
      Scored scored = rows.get(batch.get(row));
      Arrays.fill(ids[row], model.config().padTokenId());
      for (int t = 0; t < scored.ids().length; t++) {
        ids[row][t] = scored.ids()[t];
        mask[row][t] = 1;
        if (t >= scored.from()) {
          labels[row * width + t] = scored.ids()[t];
        }
      }
    }
    try (TensorScope scope = new TensorScope()) {
      ModelInput input = ModelInput.padded(operations, ids, mask);
      float[] found =
          model.logProbabilities(input, operations.longs(labels, ids.length, width)).toFloats();
      for (int row = 0; row < ids.length; row++) {
        for (int t = 0; t < width; t++) {
          sums[batch.get(row)] += found[row * width + t];
        }
      }
    }
  }
}
