package dev.smalldoge.train;

import dev.smalldoge.model.ModelInput;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Micro-batches whose tokens follow from their number alone; half of each row is predictable. */
final class SeededBatches implements BatchSource {
  private final Operations operations = Operations.on(Device.CPU);
  private final int vocabSize;
  private final int rows;
  private final int length;
  private long position;

  SeededBatches(int vocabSize, int rows, int length) {
    this.vocabSize = vocabSize;
    this.rows = rows;
    this.length = length;
  }

  @Override
  public List<MicroBatch> next(int count) {
    List<MicroBatch> window = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      window.add(batch(position++));
    }
    return window;
  }

  private MicroBatch batch(long number) {
    SplittableRandom random = new SplittableRandom(number);
    long[][] ids = new long[rows][length];
    for (long[] row : ids) {
      for (int i = 0; i < length; i++) {
        row[i] = i % 2 == 0 ? random.nextInt(vocabSize) : (row[i - 1] + 1) % vocabSize;
      }
    }
    ModelInput input = ModelInput.of(operations, ids);
    return new LanguageModelBatch(
        input, operations.copyOf(input.inputIds()), (long) rows * (length - 1));
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
