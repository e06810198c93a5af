package dev.smalldoge.dpo;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.PreferenceLoss;
import dev.smalldoge.config.World;
import dev.smalldoge.io.DType;
import dev.smalldoge.io.Safetensors;
import dev.smalldoge.io.SafetensorsWriter;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.torch.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * The reference model's log-probability, in nats, of each chosen and each rejected answer: computed
 * once and stored, so that the reference model need not be in memory while the policy trains.
 */
final class ReferenceScores {
  private static final String PAIRS = "pairs";
  private static final String MODEL = "model";
  private static final String SCORES = "scores";

  /** Chosen and rejected by turns. */
  private final double[] scores;

  private ReferenceScores(double... scores) {
    this.scores = scores;
  }

  /** The score of one answer. */
  double of(int pair, boolean chosen) {
    return scores[2 * pair + (chosen ? 0 : 1)];
  }

  /**
   * The scores that {@code file} holds, or else those of {@code model}, which then are stored
   * there.
   *
   * @throws dev.smalldoge.config.DogeException if the file is one of other pairs or another model
   */
  static ReferenceScores storedOr(
      Path file, DogeForCausalLm model, PreferencePairs pairs, int perForward) {
    Map<String, String> source =
        Map.of(PAIRS, pairs.fingerprint(), MODEL, model.weights().fingerprint());
    if (Files.exists(file)) {
      return open(file, source);
    }
    ReferenceScores scores = compute(model, pairs, perForward);
    if (World.ofEnvironment().isFirst()) { // one writer where several processes train together
      scores.write(file, source);
    }
    return scores;
  }

  /** Runs the model over all pairs, those of like length together. */
  static ReferenceScores compute(DogeForCausalLm model, PreferencePairs pairs, int perForward) {
    try {
      return scored(model, pairs, perForward);
    } finally {
      model.releaseWorkspace(); // which the training needs now
    }
  }

  private static ReferenceScores scored(
      DogeForCausalLm model, PreferencePairs pairs, int perForward) {
    double[] scores = new double[2 * pairs.count()];
    int[] byLength =
        IntStream.range(0, pairs.count())
            .boxed()
            .sorted(java.util.Comparator.comparingInt(i -> pairs.pair(i).length()))
            .mapToInt(Integer::intValue)
            .toArray();
    for (int from = 0; from < byLength.length; from += perForward) {
      int count = Math.min(perForward, byLength.length - from);
      int[] indices = java.util.Arrays.copyOfRange(byLength, from, from + count);
      try (PairBatch batch =
              PairBatches.batch(pairs, null, PreferenceLoss.DEFAULT, model.operations(), indices);
          Tensor found = batch.answers(model)) {
        ByteBuffer values = found.toBytes();
        for (int i = 0; i < count; i++) {
          scores[2 * indices[i]] = values.getDouble(8 * i);
          scores[2 * indices[i] + 1] = values.getDouble(8 * (count + i));
        }
      }
    }
    return new ReferenceScores(scores);
  }

  private static ReferenceScores open(Path file, Map<String, String> source) {
    try (Safetensors stored = Safetensors.open(file)) {
      source.forEach(
          (what, own) ->
              check(
                  own.equals(stored.metadata().get(what)),
                  "%s holds a reference model's scores of other %s (%s, these are %s); choose"
                      + " another folder, or delete that file",
                  file,
                  what.equals(PAIRS) ? PAIRS : "weights",
                  stored.metadata().get(what),
                  own));
      return new ReferenceScores(stored.doubles(SCORES));
    }
  }

  private void write(Path file, Map<String, String> source) {
    ByteBuffer bytes =
        ByteBuffer.allocate(Double.BYTES * scores.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asDoubleBuffer().put(scores);
    SafetensorsWriter writer = SafetensorsWriter.to(file);
    source.forEach(writer::metadata);
    writer.add(SCORES, DType.F64, new long[] {scores.length / 2, 2}, () -> bytes).write();
  }
}
