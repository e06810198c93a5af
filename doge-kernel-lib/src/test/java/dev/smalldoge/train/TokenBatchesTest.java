package dev.smalldoge.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.data.Corpus;
import dev.smalldoge.data.Sequences;
import dev.smalldoge.data.TestTokenizers;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.TensorScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a micro-batch of packed documents holds. */
class TokenBatchesTest {
  @TempDir private Path folder;

  private Sequences sequences() throws IOException {
    Path file = folder.resolve("rows.jsonl");
    Files.writeString(file, "{\"text\":\"sea\"}\n{\"text\":\"and sky\"}\n".repeat(40));
    return Corpus.file(file).tokenize(TestTokenizers.bytes()).pack(32);
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
