package dev.smalldoge.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.data.Corpus;
import dev.smalldoge.data.Sequences;
import dev.smalldoge.data.TestTokenizers;
import dev.smalldoge.data.Tokens;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.Weights;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.io.IOException;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a micro-batch of packed or padded documents holds. */
class TokenBatchesTest {
  @TempDir private Path folder;

  private Sequences sequences() throws IOException {
    return tokens().pack(32);
  }

  private Tokens tokens() throws IOException {
    Path file = folder.resolve("rows.jsonl");
    Files.writeString(file, "{\"text\":\"sea\"}\n{\"text\":\"and sky\"}\n".repeat(40));
    return Corpus.file(file).tokenize(TestTokenizers.bytes());
  }

  @Test
  void paddedRowsAreAsLongAsTheLongestOfTheirBatch() throws IOException {
    Operations operations = Operations.on(Device.CPU);
    Sequences padded = tokens().pad(100);
    TokenBatches batches = new TokenBatches(padded, 3, operations);
    ModelConfig config =
        ModelConfig.tiny().with(e -> e.vocabSize = TestTokenizers.bytes().vocabSize());
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model =
            new DogeForCausalLm(
                config, Weights.initialize(config, operations, 7), Precision.FLOAT32)) {
      for (int i = 0; i < 4; i++) {
        LanguageModelBatch batch = (LanguageModelBatch) batches.next(1).get(0);
        LanguageModelBatch whole = whole(padded, 3L * i, operations);
        assertThat(batch.input().length()).isIn(8, 16); // of 5 and 9 ids
        assertThat(batch.counted()).isEqualTo(whole.counted());
        assertThat(batch.tokens()).isEqualTo(3L * batch.input().length());
        double expected = model.loss(whole.input(), whole.labels()).item();
        assertThat(model.loss(batch.input(), batch.labels()).item())
            .isCloseTo(expected, withinPercentage(1e-4));
      }
    }
  }

  @Test
  void aFullPaddedRowKeepsItsLength() throws IOException {
    TokenBatches batches = new TokenBatches(tokens().pad(7), 40, Operations.on(Device.CPU));
    try (TensorScope scope = new TensorScope()) {
      LanguageModelBatch batch = (LanguageModelBatch) batches.next(1).get(0);
      assertThat(batch.input().length()).isEqualTo(7);
      assertThat(batch.counted()).isGreaterThan(40L * 3).isLessThan(40L * 6);
    }
  }

  /** Three rows with all of their padding. */
  private static LanguageModelBatch whole(Sequences padded, long from, Operations operations) {
    int length = padded.sequenceLength();
    LongBuffer ids = Sequences.buffer(3 * length);
    LongBuffer labels = Sequences.buffer(3 * length);
    long[] bounds = new long[7];
    for (int row = 0; row < 3; row++) {
      int[] starts = padded.read(from + row, ids, labels, row * length);
      bounds[2 * row] = (long) row * length;
      bounds[2 * row + 1] = (long) row * length + starts[1];
    }
    bounds[6] = 3L * length;
    Tensor wanted = operations.longs(labels, 3, length);
    ModelInput input =
        ModelInput.packed(operations, operations.longs(ids, 3, length), 3, length, bounds);
    long counted = Arrays.stream(wanted.toLongs()).filter(l -> l >= 0).count();
    return new LanguageModelBatch(input, wanted, counted);
  }

  @Test
  void countsTheLabelsThatItTrainsOnAndKeepsDocumentsApart() throws IOException {
    TokenBatches batches = new TokenBatches(sequences(), 3, Operations.on(Device.CPU));
    try (TensorScope scope = new TensorScope()) {
      LanguageModelBatch batch = (LanguageModelBatch) batches.next(1).get(0);
      long[] labels = batch.labels().toLongs();
      long[] documents = batch.input().documents().get(0).toLongs();
      assertThat(batch.counted()).isEqualTo(Arrays.stream(labels).filter(l -> l >= 0).count());
      assertThat(batch.input().bounds().size()).isGreaterThan(4); // several documents a row
      for (int i = 0; i < labels.length; i++) {
        if (i % 32 == 0 || documents[i] != documents[i - 1]) {
          assertThat(labels[i]).isEqualTo(-100); // no token of its document is before it
        }
      }
    }
  }

  @Test
  void anyPositionIsReachedAtOnce() throws IOException {
    Operations operations = Operations.on(Device.CPU);
    TokenBatches straight = new TokenBatches(sequences(), 2, operations);
    TokenBatches sought = new TokenBatches(sequences(), 2, operations);
    try (TensorScope scope = new TensorScope()) {
      straight.next(5);
      sought.seek(5);
      assertThat(ids(sought)).isEqualTo(ids(straight));
      assertThat(sought.position()).isEqualTo(6);
    }
  }

  private static long[] ids(TokenBatches batches) {
    return ((LanguageModelBatch) batches.next(1).get(0)).input().inputIds().toLongs();
  }
}
