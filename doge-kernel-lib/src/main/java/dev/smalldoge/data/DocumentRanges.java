package dev.smalldoge.data;

import java.util.Arrays;
import java.util.Comparator;

/** A selection of a token file's documents, as runs of neighbours; one may be there repeatedly. */
final class DocumentRanges {
  private final TokenFile file;
  private final long[] first;
  private final long[] documentsBefore;
  private final long[] tokensBefore;
  private final long textBytes;

  private DocumentRanges(TokenFile file, long[] first, long[] end) {
    this.file = file;
    this.first = first;
    this.documentsBefore = new long[first.length + 1];
    this.tokensBefore = new long[first.length + 1];
    long bytes = 0;
    for (int i = 0; i < first.length; i++) {
      bytes += file.textBefore(end[i]) - file.textBefore(first[i]);
      documentsBefore[i + 1] = documentsBefore[i] + end[i] - first[i];
      tokensBefore[i + 1] = tokensBefore[i] + file.start(end[i]) - file.start(first[i]);
    }
    this.textBytes = bytes;
  }

  /** Every document as often as the file's sources are used. */
  static DocumentRanges all(TokenFile file) {
    Runs runs = new Runs();
    long start = 0;
    for (SourceShare source : file.sources()) {
      for (long left = source.used(); left > 0; left -= source.documents()) {
        runs.add(start, start + Math.min(left, source.documents()));
      }
      start += source.documents();
    }
    return runs.of(file);
  }

  /** The file's documents {@code sorted}, each once. */
  static DocumentRanges only(TokenFile file, long[] sorted) {
    Runs runs = new Runs();
    for (long document : sorted) {
      runs.add(document, document + 1);
    }
    return runs.of(file);
  }

  /** These without the file's documents {@code sorted}, however often those are among them. */
  DocumentRanges without(long[] sorted) {
    Runs runs = new Runs();
    for (int i = 0; i < first.length; i++) {
      long end = first[i] + documentsBefore[i + 1] - documentsBefore[i];
      int next = Arrays.binarySearch(sorted, first[i]);
      next = next >= 0 ? next : -next - 1;
      for (long from = first[i]; from < end; ) {
        long to = next < sorted.length && sorted[next] < end ? sorted[next++] : end;
        runs.add(from, to);
        from = to + 1;
      }
    }
    return runs.of(file);
  }

  /** The different documents among these, in the file's order. */
  DocumentRanges distinct() {
    Integer[] order = new Integer[first.length];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, Comparator.comparingLong(i -> first[i]));
    Runs runs = new Runs();
    long reached = 0;
    for (int i : order) {
      long end = first[i] + documentsBefore[i + 1] - documentsBefore[i];
      runs.add(Math.max(reached, first[i]), end);
      reached = Math.max(reached, end);
    }
    return runs.of(file);
  }

  /** A growing list of runs. */
  private static final class Runs {
    private long[] first = new long[16];
    private long[] end = new long[16];
    private int size;

    /** Adds the documents from {@code from} to before {@code to}, if there are any. */
    void add(long from, long to) {
      if (from >= to) {
        return;
      }
      if (size == first.length) {
        first = Arrays.copyOf(first, 2 * size);
        end = Arrays.copyOf(end, 2 * size);
      }
      first[size] = from;
      end[size++] = to;
    }

    DocumentRanges of(TokenFile file) {
      return new DocumentRanges(file, Arrays.copyOf(first, size), Arrays.copyOf(end, size));
    }
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

  long textBytes() {
    return textBytes;
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
