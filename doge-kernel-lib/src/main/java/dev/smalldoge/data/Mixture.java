package dev.smalldoge.data;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DataMixture;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.Home;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * Several corpora in given parts. Immutable; {@code and} and {@code withX} return changed copies.
 *
 * <p>Parts are counted in documents. Of {@code N} documents, a corpus with ratio {@code r} gives
 * the integer part of {@code N · r} (for training and held-out documents apart): its first ones
 * where it has more, and all of them again from the beginning where it has fewer. Repeated
 * documents are written once and only used repeatedly, so a document that is held out is held out
 * altogether. Without {@code N}, every document of every corpus is taken once, whatever the ratios.
 *
 * <p>Source: {@code mix_datasets_by_ratio} of small-doge, which has the same counts.
 *
 * <p>Example: {@code Mixture.of(speeches, 0.7).and(code, 0.3).withDocuments(10_000)
 * .tokenize(tokenizer, file)}.
 */
public final class Mixture {
  private static final long ALL = -1;
  private static final int CORES = Runtime.getRuntime().availableProcessors();
  private final List<Part> parts;
  private final long documents;
  private final long testDocuments;
  private final int threads;

  private record Part(Corpus corpus, double ratio) {
    Part {
      check(ratio > 0 && ratio <= 1, "the ratio %s of %s is not in (0, 1]", ratio, corpus.name());
    }
  }

  private Mixture(List<Part> parts, long documents, long testDocuments, int threads) {
    this.parts = List.copyOf(parts);
    this.documents = documents;
    this.testDocuments = testDocuments;
    this.threads = threads;
  }

  /** A mixture of one corpus so far. */
  public static Mixture of(Corpus corpus, double ratio) {
    return new Mixture(List.of(new Part(corpus, ratio)), ALL, 0, CORES);
  }

  /**
   * What a recipe's {@code data} says.
   *
   * @param folder where corpora are looked for by name; a path is taken as it is
   * @throws DogeException if a corpus is not there
   */
  public static Mixture of(DataMixture data, String folder) {
    List<Part> parts = new ArrayList<>();
    RecipeCorpora corpora = new RecipeCorpora(folder, data.skipBadRows());
    data.ratios().forEach((name, ratio) -> parts.add(new Part(corpora.corpus(name), ratio)));
    long held = Math.max(0, data.testSamples());
    return new Mixture(parts, data.totalSamples(), held, CORES);
  }

  /**
   * The test splits of a recipe's corpora, {@code NAME-test} beside each {@code NAME}, every row of
   * them; empty where the recipe holds documents out itself or there are none. Those that are
   * missing are named on the error stream.
   *
   * @param folder as in {@link #of(DataMixture, String)}
   */
  public static Optional<Mixture> testOf(DataMixture data, String folder) {
    if (data.testSamples() != -1) {
      return Optional.empty();
    }
    RecipeCorpora corpora = new RecipeCorpora(folder, data.skipBadRows());
    List<Corpus> found = new ArrayList<>();
    for (String name : data.ratios().keySet()) {
      Optional<Corpus> test = corpora.test(name);
      test.ifPresent(found::add);
      if (test.isEmpty()) {
        System.err.printf(
            "%s has no test split at %s, so none of it is measured; fetch it with doge download %s"
                + " --test, or set test_samples to 1000%n",
            name, corpora.places(name).get(0), name);
      }
    }
    List<Part> parts = found.stream().map(c -> new Part(c, 1.0 / found.size())).toList();
    return parts.isEmpty() ? Optional.empty() : Optional.of(new Mixture(parts, ALL, 0, CORES));
  }

  /** The same mixture with one corpus more. */
  public Mixture and(Corpus corpus, double ratio) {
    List<Part> more = new ArrayList<>(parts);
    more.add(new Part(corpus, ratio));
    return new Mixture(more, documents, testDocuments, threads);
  }

  /** Takes {@code count} documents in all. */
  public Mixture withDocuments(long count) {
    check(count > 0, "%d documents are none; ask for at least 1", count);
    return new Mixture(parts, count, 0, threads);
  }

  /** Takes so many documents for training and so many to hold out, each in these parts. */
  public Mixture withDocuments(long count, long heldOut) {
    check(heldOut >= 0, "%d held-out documents are fewer than none; use 1000", heldOut);
    Mixture counted = withDocuments(count);
    return new Mixture(counted.parts, count, heldOut, threads);
  }

  /** Tokenizes on {@code count} cores; by default on all. The file is the same. */
  public Mixture withThreads(int count) {
    check(count > 0, "%d threads do nothing; use at least 1", count);
    return new Mixture(parts, documents, testDocuments, count);
  }

  /** The same mixture with every corpus read as {@link Corpus#inReferenceForm} does. */
  public Mixture inReferenceForm(int maxLength) {
    return with(corpus -> corpus.inReferenceForm(maxLength));
  }

  private Mixture with(UnaryOperator<Corpus> change) {
    return new Mixture(
        parts.stream().map(p -> new Part(change.apply(p.corpus()), p.ratio())).toList(),
        documents,
        testDocuments,
        threads);
  }

  /** The same mixture with every corpus read as {@link Corpus#asConversations} does. */
  public Mixture asConversations() {
    return asConversations("", true);
  }

  /** The same with the choices of {@link Corpus#asConversations(String, boolean)}. */
  public Mixture asConversations(String systemPrompt, boolean assistantOnly) {
    return with(corpus -> corpus.asConversations(systemPrompt, assistantOnly));
  }

  /**
   * The preferences of all corpora in these parts, one corpus after the other; read again each time
   * it is iterated.
   *
   * @throws DogeException while iterating, if a row cannot be used
   */
  public Iterable<PreferencePair> preferences() {
    checkRatios();
    List<Taken<PreferencePair>> taken = new ArrayList<>();
    for (Part part : parts) {
      taken.add(new Taken<>(part.corpus().name(), part.corpus().preferences(), wanted(part)));
    }
    return () -> new TakenIterator<>(taken);
  }

  /**
   * Tokenizes into a temporary file that ends with this JVM.
   *
   * @throws DogeException if a row or a file cannot be used
   */
  public Tokens tokenize(Tokenizer tokenizer) {
    try {
      Path folder = Files.createTempDirectory("doge-tokens");
      Path file = folder.resolve("mixture" + TokenFile.ENDING);
      folder.toFile().deleteOnExit(); // deleted last: the order is opposite to this
      file.toFile().deleteOnExit();
      return tokenize(tokenizer, file);
    } catch (IOException e) {
      throw new DogeException("no temporary folder could be made: " + e + "; name a file", e);
    }
  }

  /**
   * Tokenizes into {@code file}, which appears when it is whole.
   *
   * @param file its name, which must end in {@code .safetensors}
   * @throws DogeException if the ratios do not add up to 1, or a row or a file cannot be used
   */
  public Tokens tokenize(Tokenizer tokenizer, Path file) {
    checkRatios();
    BadRows badRows = new BadRows(false);
    try (TokenFileWriter writer = writer(tokenizer, file)) {
      for (Part part : parts) {
        write(part.corpus(), wanted(part), tokenizer, writer, badRows);
      }
      return new Tokens(DocumentRanges.all(writer.finish()), badRows);
    }
  }

  /** As {@link #tokenize(Tokenizer, Path)}, seen from {@link Home}. */
  public Tokens tokenize(Tokenizer tokenizer, String file) {
    return tokenize(tokenizer, Home.path(file));
  }

  /**
   * Writes the file that {@link #tokenize(Tokenizer, Path)} would write, byte for byte, from token
   * files that were made of the corpora's files before, on this machine or on others.
   *
   * @param parts by the name of each corpus, the token files of its files, in their order
   * @throws DogeException if a corpus has no parts, or another tokenizer made one
   */
  public Tokens concatenate(Tokenizer tokenizer, Path file, Map<String, List<Path>> parts) {
    checkRatios();
    try (TokenFileWriter writer = writer(tokenizer, file)) {
      for (Part part : this.parts) {
        String name = part.corpus().name();
        check(parts.containsKey(name), "%s has no parts; preprocess its files first", name);
        check(!parts.get(name).isEmpty(), "%s gave no documents; give a corpus with rows", name);
        writer.source(name);
        copy(parts.get(name), wanted(part), tokenizer, writer);
      }
      return Tokens.of(writer.finish());
    }
  }

  /** How many documents each corpus gives at most before it is repeated, by its name. */
  public Map<String, Long> wanted() {
    Map<String, Long> wanted = new LinkedHashMap<>();
    parts.forEach(part -> wanted.put(part.corpus().name(), wanted(part)));
    return wanted;
  }

  private static void copy(
      List<Path> parts, long wanted, Tokenizer tokenizer, TokenFileWriter writer) {
    long written = 0;
    for (Path path : parts) {
      TokenFile part = TokenFile.open(path).requireTokenizer(tokenizer);
      long take = Math.min(part.documents(), wanted - written);
      for (long document = 0; document < take; document++) {
        boolean[] trained = part.masked() ? part.trained(document) : null;
        writer.append(part.document(document), trained, part.textBytes(document));
      }
      written += take;
    }
    repeat(written, wanted, writer);
  }

  private static void repeat(long written, long wanted, TokenFileWriter writer) {
    if (written < wanted && wanted != Long.MAX_VALUE) {
      writer.repeat(wanted);
    }
  }

  private void checkRatios() {
    double sum = parts.stream().mapToDouble(Part::ratio).sum();
    check(Math.abs(sum - 1) <= 1e-6, "the ratios add up to %s, not 1; divide each by that", sum);
  }

  /** How many documents {@code part} gives; the largest number where it gives all it has. */
  private long wanted(Part part) {
    if (documents == ALL) {
      return Long.MAX_VALUE;
    }
    long wanted = (long) (documents * part.ratio()) + (long) (testDocuments * part.ratio());
    check(
        wanted > 0,
        "%d documents of ratio %s are none of %s; ask for more documents",
        documents,
        part.ratio(),
        part.corpus().name());
    return wanted;
  }

  private TokenFileWriter writer(Tokenizer tokenizer, Path file) {
    List<RowEncoder> encoders =
        parts.stream().map(part -> part.corpus().encoder(tokenizer)).toList();
    boolean masks = encoders.stream().anyMatch(RowEncoder::masks);
    TokenFileWriter writer = new TokenFileWriter(file, tokenizer, masks);
    if (encoders.stream().allMatch(RowEncoder::splitsAsReference)) {
      writer.splitAsReference();
    }
    return writer;
  }

  private void write(
      Corpus corpus, long wanted, Tokenizer tokenizer, TokenFileWriter writer, BadRows badRows) {
    writer.source(corpus.name());
    RowEncoder encoder = corpus.encoder(tokenizer);
    BadRows ofThis = corpus.badRows();
    long written;
    try (CorpusRows rows = corpus.rows(encoder.columns())) {
      written = new Encoding(encoder, writer, ofThis, threads).run(rows, wanted);
    }
    check(
        written > 0,
        "%s gave no documents%s; give a corpus with rows",
        corpus.name(),
        ofThis.count() == 0
            ? ""
            : ", since all its rows are bad, the first one " + ofThis.first().get(0));
    repeat(written, wanted, writer);
    badRows.addAll(ofThis);
  }
}
