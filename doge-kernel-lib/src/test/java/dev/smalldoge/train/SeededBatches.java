package dev.smalldoge.train;

import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import java.util.SplittableRandom;

/**
 * Micro-batches whose rows follow from their number alone; half of each row is predictable, and
 * rows differ in how many of their labels count.
 */
final class SeededBatches {
  private SeededBatches() {}

  /** Batches of {@code rows} rows of {@code length} ids below {@code vocabSize}. */
  static BatchSource of(int vocabSize, int rows, int length) {
    return new NumberedBatches(number -> batch(vocabSize, rows, length, number));
  }

  private static MicroBatch batch(int vocabSize, int rows, int length, long number) {
    Operations operations = Operations.on(Device.CPU);
    long[][] ids = new long[rows][length];
    long[] labels = new long[rows * length];
    long counted = 0;
    for (int r = 0; r < rows; r++) {
      long rowNumber = number * rows + r;
      SplittableRandom random = new SplittableRandom(rowNumber);
      int masked = (int) (rowNumber % 5); // labels 1 to masked do not count, nor does the first
      for (int i = 0; i < length; i++) {
        ids[r][i] = i % 2 == 0 ? random.nextInt(vocabSize) : (ids[r][i - 1] + 1) % vocabSize;
        labels[r * length + i] = i <= masked ? DogeForCausalLm.IGNORE_INDEX : ids[r][i];
      }
      counted += length - 1 - masked;
    }
    return new LanguageModelBatch(
        ModelInput.of(operations, ids), operations.longs(labels, rows, length), counted);
  }
}
