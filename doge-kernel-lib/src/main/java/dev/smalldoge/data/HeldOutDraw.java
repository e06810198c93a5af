package dev.smalldoge.data;

import static dev.smalldoge.config.Checks.check;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Which documents are held out: whole ones, chosen by a seed, so that the tokens of each source
 * have the part among them that they have among the tokens trained on, repeated ones counted again.
 *
 * <p>Each source's documents stand in a seeded order. One document after the other is taken, always
 * of the source that brings the parts nearest; so more held-out documents hold the fewer ones, and
 * one source alone gives the first of its order. Whole documents keep the parts to about one
 * document of each source. In a mixture a source of one document is only trained on.
 *
 * <p>Drawn from all documents alike, twenty of 123 long speeches and 6,000 short proofs would be
 * proofs, though four bytes of five are of speeches.
 */
final class HeldOutDraw {
  private final long seed;
  private final List<Source> sources = new ArrayList<>();

  /** A source that documents are drawn from. */
  private final class Source {
    final String name;
    final DocumentRanges distinct;
    final double trainedTokens;
    final SeededOrder order;
    final long[] drawn;
    int count;
    double tokens;

    Source(String name, DocumentRanges all, int most) {
      this.name = name;
      this.distinct = all.distinct();
      this.trainedTokens = all.tokens();
      this.order = new SeededOrder(distinct.documents(), seed + sources.size());
      this.drawn = new long[(int) Math.min(most, distinct.documents())];
    }

    boolean isLeft() {
      return count < drawn.length;
    }

    long next() {
      return distinct.document(order.at(count));
    }

    long tokensOfNext() {
      long document = next();
      return distinct.file().start(document + 1) - distinct.file().start(document);
    }

    void draw() {
      tokens += tokensOfNext();
      drawn[count] = next();
      count++;
    }
  }

  private HeldOutDraw(DocumentRanges documents, int count, long seed) {
    this.seed = seed;
    List<SourceShare> shares = documents.file().sources();
    List<DocumentRanges> bySource = documents.bySource();
    for (int i = 0; i < shares.size(); i++) {
      DocumentRanges all = bySource.get(i);
      if (all.documents() > 0 && (shares.size() == 1 || all.distinct().documents() > 1)) {
        sources.add(new Source(shares.get(i).name(), all, count));
      }
    }
  }

  /**
   * The file's documents to hold out, those of each source together.
   *
   * @param documents what is trained on, with them
   * @param count how many, fewer than there are
   * @throws dev.smalldoge.config.DogeException if they are more than half of a mixture's source
   */
  static long[] of(DocumentRanges documents, int count, long seed) {
    HeldOutDraw draw = new HeldOutDraw(documents, count, seed);
    long there = draw.sources.stream().mapToLong(s -> s.distinct.documents()).sum();
    check(
        count < there,
        "%d held-out documents are all %d of the sources that have more than one; hold out fewer",
        count,
        there);
    for (int i = 0; i < count; i++) {
      Source source = draw.next();
      check(
          draw.sources.size() == 1 || 2L * (source.count + 1) <= source.distinct.documents(),
          "%d held-out documents in the mixture's parts are more than half of the %d of %s; hold"
              + " out at most %d",
          count,
          source.distinct.documents(),
          source.name,
          i);
      source.draw();
    }
    return draw.sources.stream().flatMapToLong(s -> Arrays.stream(s.drawn, 0, s.count)).toArray();
  }

  /** The source whose next document brings the parts nearest to those trained on. */
  private Source next() {
    Source best = null;
    double least = Double.POSITIVE_INFINITY;
    for (Source source : sources) {
      double distance = source.isLeft() ? distanceWithNextOf(source) : Double.POSITIVE_INFINITY;
      if (best == null || distance < least) {
        best = source;
        least = distance;
      }
    }
    return best;
  }

  /** Chi-squared distance but for a constant: the sum of squared parts over parts trained on. */
  private double distanceWithNextOf(Source next) {
    double total = 0;
    double sum = 0;
    for (Source source : sources) {
      double tokens = source.tokens + (source == next ? source.tokensOfNext() : 0);
      total += tokens;
      sum += tokens * tokens / source.trainedTokens;
    }
    return sum / (total * total);
  }
}
