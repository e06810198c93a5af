package dev.smalldoge.data;

import java.util.Arrays;

/** A selection of a token file's documents, as runs of neighbours in the file's order. */
final class DocumentRanges {
  private final TokenFile file;
  private final long[] first;
  private final long[] documentsBefore;
  private final long[] tokensBefore;

  private DocumentRanges(TokenFile file, long[] first, long[] end) {
    this.file = file;
    this.first = first;
    this.documentsBefore = new long[first.length + 1];
    this.tokensBefore = new long[first.length + 1];
    for (int i = 0; i < first.length; i++) {
      documentsBefore[i + 1] = documentsBefore[i] + end[i] - first[i];
      tokensBefore[i + 1] = tokensBefore[i] + file.start(end[i]) - file.start(first[i]);
    }
  }

  /** Every document. */
  static DocumentRanges all(TokenFile file) {
    return new DocumentRanges(file, new long[] {0}, new long[] {file.documents()});
  }

  /** The file's documents {@code sorted}, which are some of these. */
  DocumentRanges only(long[] sorted) {
    return new DocumentRanges(file, sorted, Arrays.stream(sorted).map(d -> d + 1).toArray());
  }

  /** These without the file's documents {@code sorted}, which are some of these. */
  DocumentRanges without(long[] sorted) {
    long[] starts = new long[first.length + sorted.length];
    long[] ends = new long[first.length + sorted.length];
    int runs = 0;
    int next = 0;
    for (int i = 0; i < first.length; i++) {
      long end = first[i] + documentsBefore[i + 1] - documentsBefore[i];
      for (long from = first[i]; from < end; ) {
        boolean cut = next < sorted.length && sorted[next] < end;
        long to = cut ? sorted[next++] : end;
        if (to > from) {
          starts[runs] = from;
          ends[runs++] = to;
        }
        from = to + 1;
      }
    }
    return new DocumentRanges(file, Arrays.copyOf(starts, runs), Arrays.copyOf(ends, runs));
  }

  TokenFile file() {
    return file;
  }

  long documents() {
    return documentsBefore[documentsBefore.length - 1];
  }

  long tokens() {
    return tokensBefore[tokensBefore.length - 1];
  }

  /** The file's document that is number {@code index} here. */
  long document(long index) {
    int run = run(documentsBefore, index);
    return first[run] + index - documentsBefore[run];
  }

  /** The run that holds token {@code offset} of the selection. */
  int runOfToken(long offset) {
    return run(tokensBefore, offset);
  }

  /** The file's token that is token {@code offset} here; {@code run} holds it. */
  long token(int run, long offset) {
    return file.start(first[run]) + offset - tokensBefore[run];
  }

  /** Tokens of the selection up to the end of {@code run}. */
  long end(int run) {
    return tokensBefore[run + 1];
  }

  private static int run(long[] before, long offset) {
    int found = Arrays.binarySearch(before, offset); // no run is empty, so no value is twice
    return found >= 0 ? found : -found - 2;
  }
}
