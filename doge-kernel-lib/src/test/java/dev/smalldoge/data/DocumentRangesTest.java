package dev.smalldoge.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DocumentRangesTest {
  @TempDir Path folder;

  /** Two sources, of 7 and 5 documents; document i has i + 1 tokens. */
  private TokenFile file(long usedOfFirst, long usedOfSecond) {
    Path path = folder.resolve(usedOfFirst + ".tokens.safetensors");
    try (var writer = new TokenFileWriter(path, TestTokenizers.bytes(), false)) {
      for (int i = 0; i < 12; i++) {
        if (i == 0 || i == 7) {
          writer.source("source " + i);
        }
        writer.append(new int[i + 1], null, i + 1);
        if (i == 6) {
          writer.repeat(usedOfFirst);
        }
      }
      writer.repeat(usedOfSecond);
      return writer.finish();
    }
  }

  private static List<Long> documents(DocumentRanges ranges) {
    List<Long> documents = new ArrayList<>();
    for (long i = 0; i < ranges.documents(); i++) {
      documents.add(ranges.document(i));
    }
    return documents;
  }

  /** The file's tokens in the selection's order, one by one. */
  private static List<Long> tokens(DocumentRanges ranges) {
    List<Long> tokens = new ArrayList<>();
    for (long i = 0; i < ranges.tokens(); i++) {
      DocumentRanges.Stretch stretch = ranges.stretch(i);
      tokens.add(stretch.token());
      if (stretch.length() > 1) { // what a stretch promises, the next tokens keep
        assertThat(ranges.stretch(i + 1).token()).isEqualTo(stretch.token() + 1);
      }
    }
    return tokens;
  }

  private static List<Long> tokensOf(TokenFile file, List<Long> documents) {
    List<Long> tokens = new ArrayList<>();
    for (long document : documents) {
      for (long token = file.start(document); token < file.start(document + 1); token++) {
        tokens.add(token);
      }
    }
    return tokens;
  }

  @Test
  void aSourceIsRepeatedInWholePassesAndThenItsFirstDocuments() {
    TokenFile file = file(17, 5);
    List<Long> expected = new ArrayList<>();
    for (long i = 0; i < 17; i++) {
      expected.add(i % 7);
    }
    expected.addAll(List.of(7L, 8L, 9L, 10L, 11L));
    DocumentRanges all = DocumentRanges.all(file);
    assertThat(documents(all)).isEqualTo(expected);
    assertThat(tokens(all)).isEqualTo(tokensOf(file, expected));
    assertThat(documents(all.distinct()))
        .containsExactly(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L, 11L);

    long[] heldOut = {0, 4, 6, 7, 11};
    expected.removeIf(document -> List.of(0L, 4L, 6L, 7L, 11L).contains(document));
    DocumentRanges left = all.without(heldOut);
    assertThat(documents(left)).isEqualTo(expected);
    assertThat(tokens(left)).isEqualTo(tokensOf(file, expected));
    assertThat(documents(left.distinct())).containsExactly(1L, 2L, 3L, 5L, 8L, 9L, 10L);
    assertThat(documents(DocumentRanges.only(file, heldOut))).containsExactly(0L, 4L, 6L, 7L, 11L);
  }

  @Test
  void repetitionsTakeNoMemory() {
    long times = 1_000_000_000_000L; // as runs of their own they would take terabytes
    TokenFile file = file(7 * times + 2, 5);
    DocumentRanges left = DocumentRanges.all(file).without(new long[] {3});
    assertThat(left.documents()).isEqualTo(6 * times + 2 + 5);
    assertThat(left.document(6 * times - 1)).isEqualTo(6);
    assertThat(left.document(6 * times + 1)).isEqualTo(1);
    assertThat(left.document(6 * times + 2)).isEqualTo(7);
    assertThat(left.stretch(24 * times)).isEqualTo(new DocumentRanges.Stretch(0, 3));
    assertThat(left.stretch(24 * times + 3)).isEqualTo(new DocumentRanges.Stretch(28, 50));
  }
}
