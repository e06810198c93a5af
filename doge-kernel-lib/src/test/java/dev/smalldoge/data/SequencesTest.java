package dev.smalldoge.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import java.io.IOException;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SequencesTest {
  private static final int LENGTH = 16;
  @TempDir Path folder;
  private List<int[]> documents;
  private Tokens tokens;

  @BeforeEach
  void writesDocuments() {
    Random random = new Random(5);
    documents = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      documents.add(random.ints(1 + random.nextInt(40), 3, 259).toArray());
    }
    tokens = write(documents, null);
  }

  private Tokens write(List<int[]> all, boolean[] firstTrained) {
    Path file = folder.resolve("some.tokens.safetensors");
    try (var writer = new TokenFileWriter(file, TestTokenizers.bytes(), firstTrained != null)) {
      writer.source("some");
      for (int[] document : all) {
        writer.append(document, document == all.get(0) ? firstTrained : null, document.length);
      }
      return Tokens.of(writer.finish());
    }
  }

  /** One row, with what a slow reading of the contract says of its starts. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Row(long[] ids, long[] labels, int[] starts) {
    static Row read(Sequences sequences, long position) {
      long[] ids = new long[sequences.sequenceLength()];
      long[] labels = new long[ids.length];
      return new Row(
          ids, labels, sequences.read(position, LongBuffer.wrap(ids), LongBuffer.wrap(labels), 0));
    }
  }

  @Test
  void packingLosesNoTokenAndKeepsBoundaries() {
    Sequences sequences = tokens.pack(LENGTH);
    TreeMap<String, Integer> found = new TreeMap<>();
    for (long position = 0; position < sequences.count(); position++) {
      Row row = Row.read(sequences, position);
      found.merge(Arrays.toString(row.ids()) + Arrays.toString(row.starts()), 1, Integer::sum);
      assertThat(row.starts()[0]).isZero();
    }
    TreeMap<String, Integer> expected = new TreeMap<>();
    List<Long> ids = new ArrayList<>();
    List<Integer> starts = new ArrayList<>();
    for (int[] document : documents) {
      for (int i = 0; i < document.length; i++) {
        if (i == 0 || ids.isEmpty()) {
          starts.add(ids.size());
        }
        ids.add((long) document[i]);
        if (ids.size() == LENGTH) {
          expected.merge(ids.toString() + starts, 1, Integer::sum);
          ids.clear();
          starts.clear();
        }
      }
    }
    if (!ids.isEmpty()) {
      starts.add(ids.size());
      while (ids.size() < LENGTH) {
        ids.add((long) tokens.file().padTokenId());
      }
      expected.merge(ids.toString() + starts, 1, Integer::sum);
    }
    assertThat(found).isEqualTo(expected);
    assertThat(sequences.cropped()).isZero();
  }

  @Test
  void labelsAreTheIdsButWhereADocumentBegins() {
    Sequences sequences = tokens.pack(LENGTH);
    for (long position = 0; position < sequences.count(); position++) {
      Row row = Row.read(sequences, position);
      List<Integer> starts = Arrays.stream(row.starts()).boxed().toList();
      int padding =
          row.ids()[LENGTH - 1] == tokens.file().padTokenId()
              ? starts.get(starts.size() - 1)
              : LENGTH;
      for (int t = 0; t < LENGTH; t++) {
        boolean learned = !starts.contains(t) && t < padding;
        assertThat(row.labels()[t]).isEqualTo(learned ? row.ids()[t] : Sequences.IGNORE_INDEX);
      }
    }
  }

  @Test
  void paddingKeepsEachDocumentInItsOwnRow() {
    Sequences sequences = tokens.pad(LENGTH);
    assertThat(sequences.count()).isEqualTo(documents.size());
    List<String> found = new ArrayList<>();
    for (long position = 0; position < sequences.count(); position++) {
      Row row = Row.read(sequences, position);
      int end = row.starts().length == 2 ? row.starts()[1] : LENGTH;
      found.add(Arrays.toString(Arrays.copyOf(row.ids(), end)));
      assertThat(Arrays.stream(row.ids()).skip(end)).allMatch(id -> id == 2);
    }
    List<String> expected =
        documents.stream()
            .map(d -> Arrays.toString(Arrays.copyOf(d, Math.min(d.length, LENGTH))))
            .toList();
    assertThat(found).containsExactlyInAnyOrderElementsOf(expected);
    long cropped = documents.stream().mapToLong(d -> Math.max(0, d.length - LENGTH)).sum();
    assertThat(sequences.cropped()).isEqualTo(cropped).isPositive();
  }

  @Test
  void untrainedTokensAreNotLearned() {
    boolean[] trained = {false, false, true, true, false, true};
    Tokens masked = write(List.of(new int[] {5, 6, 7, 8, 9, 10}), trained);
    Row row = Row.read(masked.pad(8), 0);
    assertThat(row.ids()).containsExactly(5, 6, 7, 8, 9, 10, 2, 2);
    assertThat(row.labels()).containsExactly(-100, -100, 7, 8, -100, 10, -100, -100);
    assertThat(row.starts()).containsExactly(0, 6);
  }

  @Test
  void nextEpochHasTheSameRowsInAnotherOrder() {
    Sequences sequences = tokens.pack(LENGTH);
    List<String> first = new ArrayList<>();
    List<String> second = new ArrayList<>();
    for (long position = 0; position < sequences.count(); position++) {
      first.add(Arrays.toString(Row.read(sequences, position).ids()));
      second.add(Arrays.toString(Row.read(sequences, sequences.count() + position).ids()));
    }
    assertThat(second).isNotEqualTo(first).containsExactlyInAnyOrderElementsOf(first);
  }

  @Test
  void anyPositionGivesWhatReadingInOrderGives() {
    Sequences inOrder = tokens.pack(LENGTH);
    List<String> rows = new ArrayList<>();
    for (long position = 0; position < 3 * inOrder.count(); position++) {
      rows.add(Arrays.toString(Row.read(inOrder, position).ids()));
    }
    Sequences anywhere = tokens.pack(LENGTH);
    for (int position = rows.size() - 1; position >= 0; position -= 7) {
      assertThat(Arrays.toString(Row.read(anywhere, position).ids())).isEqualTo(rows.get(position));
    }
  }

  @Test
  void writesFromTheGivenIndexOn() {
    long[] ids = new long[2 * LENGTH + 1];
    long[] labels = new long[2 * LENGTH + 1];
    Sequences sequences = tokens.pack(LENGTH);
    sequences.read(3, LongBuffer.wrap(ids), LongBuffer.wrap(labels), LENGTH);
    assertThat(Arrays.copyOfRange(ids, LENGTH, 2 * LENGTH)).isEqualTo(Row.read(sequences, 3).ids());
    assertThat(Arrays.copyOf(ids, LENGTH)).containsOnly(0);
    assertThat(ids[2 * LENGTH]).isZero();
  }

  @Test
  void heldOutDocumentsAreInNoTrainingRow() {
    List<int[]> numbered = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      int[] document = new int[1 + i % 23];
      Arrays.fill(document, 10 + i);
      numbered.add(document);
    }
    Sequences.Split split = write(numbered, null).pack(LENGTH).split(9);
    List<Long> training = idsOf(split.training());
    List<Long> heldOut = idsOf(split.heldOut());
    assertThat(heldOut.stream().distinct().count()).isEqualTo(9);
    assertThat(training.stream().distinct().count()).isEqualTo(41);
    assertThat(training).doesNotContainAnyElementsOf(heldOut);
    assertThat(training.size() + heldOut.size())
        .isEqualTo(numbered.stream().mapToInt(d -> d.length).sum());
  }

  @Test
  void bytesPerTokenAreOfTheDocumentsAlone() throws IOException {
    Path text =
        Files.writeString(folder.resolve("a.jsonl"), "{\"text\":\"ab\"}\n{\"text\":\"abcdef\"}\n");
    Sequences all = Corpus.file(text).tokenize(TestTokenizers.bytes()).pack(4);
    assertThat(all.bytesPerToken()).isEqualTo(8.0 / 12); // BOS and EOS are tokens too
    Sequences.Split split = all.split(1);
    double[] both = {split.training().bytesPerToken(), split.heldOut().bytesPerToken()};
    assertThat(both).containsExactlyInAnyOrder(2.0 / 4, 6.0 / 8);
  }

  @Test
  void splittingASplitKeepsThemApart() {
    Tokens.Split once = tokens.split(10);
    Tokens.Split twice = once.training().split(10);
    assertThat(twice.training().documents()).isEqualTo(30);
    assertThat(twice.training().tokens() + twice.heldOut().tokens() + once.heldOut().tokens())
        .isEqualTo(tokens.tokens());
  }

  private static List<Long> idsOf(Sequences sequences) {
    List<Long> ids = new ArrayList<>();
    for (long position = 0; position < sequences.count(); position++) {
      for (long id : Row.read(sequences, position).ids()) {
        if (id != sequences.file().padTokenId()) {
          ids.add(id);
        }
      }
    }
    return ids;
  }

  @Test
  void refusesWhatCannotWork() {
    assertThatThrownBy(() -> tokens.pack(1))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("sequenceLength 1");
    assertThatThrownBy(() -> tokens.split(50)).hasMessageContaining("50 of 50 documents");
    assertThatThrownBy(() -> Row.read(tokens.pack(8), -1)).hasMessageContaining("-1");
  }
}
