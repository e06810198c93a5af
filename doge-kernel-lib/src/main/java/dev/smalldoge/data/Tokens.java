package dev.smalldoge.data;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DataMixture;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.Home;
import dev.smalldoge.config.TrainingSettings;
import dev.smalldoge.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.PieChart;

/**
 * Tokenized documents: a token file, or the part of one that a split left.
 *
 * <p>Example: {@code var tokens = corpus.tokenize(tokenizer); var split = tokens.split(10);
 * split.training().pack(2_048)}.
 */
public final class Tokens {
  /** The seed that the reference shuffles and splits with. */
  public static final long SEED = 233;

  private final DocumentRanges documents;
  private final BadRows badRows;

  /**
   * Documents to learn from and documents to measure with; no document is in both.
   *
   * @param training all documents but the held-out ones
   * @param heldOut the others
   */
  public record Split(Tokens training, Tokens heldOut) {}

  Tokens(DocumentRanges documents, BadRows badRows) {
    this.documents = documents;
    this.badRows = badRows;
  }

  /**
   * Opens a token file that was made with {@code tokenizer}.
   *
   * @throws dev.smalldoge.config.DogeException if it is damaged, or another tokenizer made it
   */
  public static Tokens open(Path file, Tokenizer tokenizer) {
    return of(TokenFile.open(file).requireTokenizer(tokenizer));
  }

  /** As {@link #open(Path, Tokenizer)}, seen from {@link Home}. */
  public static Tokens open(String file, Tokenizer tokenizer) {
    return open(Home.path(file), tokenizer);
  }

  /** All documents of an opened file. */
  public static Tokens of(TokenFile file) {
    return new Tokens(DocumentRanges.all(file), new BadRows(true));
  }

  /**
   * Cuts the documents, one after the other, into sequences of {@code sequenceLength} tokens.
   * Nothing is cropped: a document that does not fit goes on in the next sequence, and the last
   * sequence is filled up with padding that is not learned.
   *
   * @param sequenceLength tokens a sequence, at least 2
   */
  public Sequences pack(int sequenceLength) {
    return Sequences.packed(documents, sequenceLength, SEED);
  }

  /**
   * One document a sequence: cut after {@code sequenceLength} tokens, filled up with padding that
   * is not learned. {@link Sequences#cropped} tells what the cut cost.
   *
   * @param sequenceLength tokens a sequence, at least 2
   */
  public Sequences pad(int sequenceLength) {
    return Sequences.padded(documents, sequenceLength, SEED);
  }

  /**
   * What a recipe trains on and measures with: its held-out documents apart, packed or padded to
   * its length, in the order of its seed. Rows that were left out are told on the error stream,
   * since sequences cannot tell them.
   *
   * @param test what to measure with where the recipe holds nothing out; may be null
   * @return the sequences; those to measure with are null where there are none
   */
  public Sequences.Split sequences(DataMixture data, TrainingSettings settings, Tokens test) {
    tellBadRows(this);
    if (test != null) {
      tellBadRows(test);
    }
    if (data.testSamples() <= 0) {
      return new Sequences.Split(
          sequencesOf(this, data, settings),
          test == null ? null : sequencesOf(test, data, settings));
    }
    Split split = split(data.testSamples());
    return new Sequences.Split(
        sequencesOf(split.training(), data, settings),
        sequencesOf(split.heldOut(), data, settings));
  }

  private static void tellBadRows(Tokens tokens) {
    if (tokens.badRows.count() > 0) {
      System.err.println(tokens.badRows);
    }
  }

  private static Sequences sequencesOf(Tokens tokens, DataMixture data, TrainingSettings settings) {
    int length = settings.sequenceLength();
    Sequences sequences = data.packing() ? tokens.pack(length) : tokens.pad(length);
    return sequences.withSeed(settings.seed());
  }

  /**
   * Holds documents out, chosen by the seed {@link #SEED}. Of a mixture so many of each source that
   * its tokens have the same part of those held out as of those trained on, as near as whole
   * documents come; of a file in the reference's form, those that the reference holds out.
   *
   * @param testDocuments how many, at least 1 and fewer than there are
   * @throws dev.smalldoge.config.DogeException if there are not so many, or if they would be more
   *     than half of one of a mixture's sources
   */
  public Split split(long testDocuments) {
    return split(testDocuments, SEED);
  }

  /** As {@link #split(long)} with a seed of your own. */
  public Split split(long testDocuments, long seed) {
    DocumentRanges distinct = documents.distinct();
    check(
        testDocuments > 0 && testDocuments < distinct.documents(),
        "%d of %d documents cannot be held out; hold out at least 1 and fewer than all",
        testDocuments,
        distinct.documents());
    check(
        testDocuments <= 1 << 24,
        "%d held-out documents are more than %d; fewer measure just as well",
        testDocuments,
        1 << 24);
    long[] heldOut =
        file().splitsAsReference()
            ? ReferenceSplit.heldOut(distinct, (int) testDocuments, seed)
            : HeldOutDraw.of(documents, (int) testDocuments, seed);
    Arrays.sort(heldOut);
    return new Split(
        new Tokens(documents.without(heldOut), badRows),
        new Tokens(DocumentRanges.only(file(), heldOut), badRows));
  }

  /** How many documents there are, repeated ones counted again. */
  public long documents() {
    return documents.documents();
  }

  /** Their tokens, special ones included. */
  public long tokens() {
    return documents.tokens();
  }

  /** UTF-8 bytes of the text that they were made of. */
  public long textBytes() {
    return documents.textBytes();
  }

  /** How many documents have 1, 2 to 3, 4 to 7, … tokens. */
  public CategoryChart lengths() {
    return TokenCharts.lengths(documents);
  }

  /** Tokens of each source of the file that an epoch uses. */
  public PieChart shares() {
    return TokenCharts.shares(file());
  }

  /**
   * One document token by token.
   *
   * @param index which of these documents, from 0
   * @throws DogeException if there is none of that number, or another tokenizer made the file
   */
  public TokenView example(long index, Tokenizer tokenizer) {
    check(
        index >= 0 && index < documents(),
        "there is no document %d; there are %d, counted from 0",
        index,
        documents());
    file().requireTokenizer(tokenizer);
    long document = documents.document(index);
    return new TokenView(tokenizer, file().document(document), file().trained(document));
  }

  DocumentRanges selection() {
    return documents;
  }

  /** The file that holds them. */
  public TokenFile file() {
    return documents.file();
  }

  /** The rows that were left out while these were made. */
  public BadRows badRows() {
    return badRows;
  }

  @Override
  public String toString() {
    String text =
        documents() == file().sources().stream().mapToLong(SourceShare::used).sum()
            ? file().toString()
            : String.format(
                    "%,d of %,d documents, %,d tokens, of %s",
                    documents(), file().documents(), tokens(), file().file().getFileName())
                + parts();
    return badRows.count() == 0 ? text : text + "\n" + badRows;
  }

  /** A line for each source of a mixture: how much of these is of it. */
  private String parts() {
    StringBuilder lines = new StringBuilder();
    List<SourceShare> sources = file().sources();
    List<DocumentRanges> bySource = documents.bySource();
    for (int i = 0; i < sources.size() && sources.size() > 1; i++) {
      DocumentRanges ofIt = bySource.get(i);
      lines.append(
          String.format(
              "%n  %-24s %,12d documents %,15d tokens %5.1f %%",
              sources.get(i).name(),
              ofIt.documents(),
              ofIt.tokens(),
              100.0 * ofIt.tokens() / tokens()));
    }
    return lines.toString();
  }
}
