package dev.smalldoge.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/**
 * A selection of a token file's documents, in an order in which one may be there repeatedly.
 *
 * <p>It is kept as parts, each a list of runs of neighbours that is gone through so many times: its
 * memory grows with the places where the selection is cut, not with how often a source is used.
 */
final class DocumentRanges {
  private final TokenFile file;
  private final List<Part> parts;
  private final long[] documentsBefore;
  private final long[] tokensBefore;

  private DocumentRanges(TokenFile file, List<Part> parts) {
    this.file = file;
    this.parts = parts;
    this.documentsBefore = new long[parts.size() + 1];
    this.tokensBefore = new long[parts.size() + 1];
    for (int i = 0; i < parts.size(); i++) {
      Part part = parts.get(i);
      documentsBefore[i + 1] = documentsBefore[i] + part.times * part.runs.documents();
      tokensBefore[i + 1] = tokensBefore[i] + part.times * part.runs.tokens();
    }
  }

  /** Runs, gone through {@code times} times; never empty. */
  private record Part(Runs runs, long times) {}

  /** A place in the file: a token, and how many tokens of the selection follow each other there. */
  record Stretch(long token, long length) {}

  /** Every document as often as the file's sources are used. */
  static DocumentRanges all(TokenFile file) {
    List<Part> parts = new ArrayList<>();
    long start = 0;
    for (SourceShare source : file.sources()) {
      long documents = Math.max(1, source.documents()); // an empty source is used 0 times
      add(parts, new RunsBuilder().add(start, start + documents), file, source.used() / documents);
      long rest = source.used() % documents;
      add(parts, new RunsBuilder().add(start, start + rest), file, 1);
      start += source.documents();
    }
    return new DocumentRanges(file, parts);
  }

  /** The file's documents {@code sorted}, each once. */
  static DocumentRanges only(TokenFile file, long[] sorted) {
    RunsBuilder runs = new RunsBuilder();
    for (long document : sorted) {
      runs.add(document, document + 1);
    }
    return once(file, runs);
  }

  private static DocumentRanges once(TokenFile file, RunsBuilder runs) {
    List<Part> parts = new ArrayList<>();
    add(parts, runs, file, 1);
    return new DocumentRanges(file, parts);
  }

  private static void add(Collection<Part> parts, RunsBuilder runs, TokenFile file, long times) {
    if (times > 0 && runs.size > 0) {
      parts.add(new Part(runs.of(file), times));
    }
  }

  /** These without the file's documents {@code sorted}, however often those are among them. */
  DocumentRanges without(long[] sorted) {
    List<Part> left = new ArrayList<>();
    for (Part part : parts) {
      RunsBuilder runs = new RunsBuilder();
      for (int i = 0; i < part.runs.first.length; i++) {
        addWithout(runs, part.runs.first[i], part.runs.end(i), sorted);
      }
      add(left, runs, file, part.times);
    }
    return new DocumentRanges(file, left);
  }

  private static void addWithout(RunsBuilder runs, long first, long end, long[] sorted) {
    int next = Arrays.binarySearch(sorted, first);
    next = next >= 0 ? next : -next - 1;
    for (long from = first; from < end; ) {
      long to = next < sorted.length && sorted[next] < end ? sorted[next++] : end;
      runs.add(from, to);
      from = to + 1;
    }
  }

  /** Those of these that are the file's documents from {@code from} to before {@code to}. */
  DocumentRanges within(long from, long to) {
    List<Part> inside = new ArrayList<>();
    for (Part part : parts) {
      RunsBuilder runs = new RunsBuilder();
      for (int i = 0; i < part.runs.first.length; i++) {
        runs.add(Math.max(from, part.runs.first[i]), Math.min(to, part.runs.end(i)));
      }
      add(inside, runs, file, part.times);
    }
    return new DocumentRanges(file, inside);
  }

  /** Those of each of the file's sources, in the file's order; none of some, perhaps. */
  List<DocumentRanges> bySource() {
    List<DocumentRanges> each = new ArrayList<>();
    long start = 0;
    for (SourceShare source : file.sources()) {
      each.add(within(start, start + source.documents()));
      start += source.documents();
    }
    return each;
  }

  /** The different documents among these, in the file's order. */
  DocumentRanges distinct() {
    List<long[]> all = new ArrayList<>();
    for (Part part : parts) {
      for (int i = 0; i < part.runs.first.length; i++) {
        all.add(new long[] {part.runs.first[i], part.runs.end(i)});
      }
    }
    all.sort(Comparator.comparingLong(run -> run[0]));
    RunsBuilder runs = new RunsBuilder();
    long reached = 0;
    for (long[] run : all) {
      runs.add(Math.max(reached, run[0]), run[1]);
      reached = Math.max(reached, run[1]);
    }
    return once(file, runs);
  }

  TokenFile file() {
    return file;
  }

  long documents() {
    return documentsBefore[parts.size()];
  }

  long tokens() {
    return tokensBefore[parts.size()];
  }

  long textBytes() {
    return parts.stream().mapToLong(part -> part.times * part.runs.textBytes).sum();
  }

  /** The file's document that is number {@code index} here. */
  long document(long index) {
    int part = at(documentsBefore, index);
    Runs runs = parts.get(part).runs;
    return runs.document((index - documentsBefore[part]) % runs.documents());
  }

  /** Where in the file token {@code offset} of the selection is. */
  Stretch stretch(long offset) {
    int part = at(tokensBefore, offset);
    Runs runs = parts.get(part).runs;
    return runs.stretch((offset - tokensBefore[part]) % runs.tokens(), file);
  }

  /** Which of the intervals that begin at {@code before}, none of them empty, holds {@code at}. */
  private static int at(long[] before, long at) {
    int found = Arrays.binarySearch(before, at);
    return found >= 0 ? found : -found - 2;
  }

  /** Runs of neighbouring documents, none of them empty. */
  private static final class Runs {
    private final long[] first;
    private final long[] documentsBefore;
    private final long[] tokensBefore;
    private final long textBytes;

    Runs(TokenFile file, long[] first, long[] end) {
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

    long end(int run) {
      return first[run] + documentsBefore[run + 1] - documentsBefore[run];
    }

    long documents() {
      return documentsBefore[first.length];
    }

    long tokens() {
      return tokensBefore[first.length];
    }

    long document(long index) {
      int run = at(documentsBefore, index);
      return first[run] + index - documentsBefore[run];
    }

    Stretch stretch(long offset, TokenFile file) {
      int run = at(tokensBefore, offset);
      long token = file.start(first[run]) + offset - tokensBefore[run];
      return new Stretch(token, tokensBefore[run + 1] - offset);
    }
  }

  /** A growing list of runs. */
  private static final class RunsBuilder {
    private long[] first = new long[16];
    private long[] end = new long[16];
    private int size;

    /** Adds the documents from {@code from} to before {@code to}, if there are any. */
    RunsBuilder add(long from, long to) {
      if (from >= to) {
        return this;
      }
      if (size == first.length) {
        first = Arrays.copyOf(first, 2 * size);
        end = Arrays.copyOf(end, 2 * size);
      }
      first[size] = from;
      end[size++] = to;
      return this;
    }

    Runs of(TokenFile file) {
      return new Runs(file, Arrays.copyOf(first, size), Arrays.copyOf(end, size));
    }
  }
}
