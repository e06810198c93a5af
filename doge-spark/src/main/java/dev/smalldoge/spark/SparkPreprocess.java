package dev.smalldoge.spark;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.data.Corpus;
import dev.smalldoge.data.CorpusForm;
import dev.smalldoge.data.Mixture;
import dev.smalldoge.data.TokenFile;
import dev.smalldoge.data.Tokens;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.JavaSparkContext;

/**
 * Preprocesses on a Spark cluster: every file of every corpus is tokenized as a task of its own,
 * then the driver joins the parts. The result is, byte for byte, what {@code doge preprocess}
 * writes on one machine.
 *
 * <p>Corpora, tokenizer and output must lie at the same paths on all machines, as on a network file
 * system.
 *
 * <p>Example: {@code new SparkPreprocess(context, tokenizerFolder, CorpusForm.text()).add(corpus,
 * 1.0).write(file)}.
 */
public final class SparkPreprocess {
  private final JavaSparkContext context;
  private final Path tokenizer;
  private final CorpusForm form;
  private final Map<Corpus, Double> corpora = new LinkedHashMap<>();
  private long documents = -1;
  private long heldOut;

  /** One file to tokenize. */
  private record Task(String corpus, String file, String part) implements Serializable {}

  /** What became of it. */
  private record Outcome(
      String part, boolean empty, long badRows, List<String> firstBadRows, String refusal)
      implements Serializable {}

  /**
   * Prepares a job.
   *
   * @param tokenizer folder of a tokenizer
   * @param form how rows are read
   */
  public SparkPreprocess(JavaSparkContext context, Path tokenizer, CorpusForm form) {
    this.context = context;
    this.tokenizer = tokenizer;
    this.form = form;
  }

  /** Adds a corpus; the ratios add up to 1. */
  public SparkPreprocess add(Corpus corpus, double ratio) {
    corpora.put(form.of(corpus), ratio);
    return this;
  }

  /** Takes so many documents for training and so many to hold out; by default every one once. */
  public SparkPreprocess withDocuments(long count, long heldOutCount) {
    documents = count;
    heldOut = heldOutCount;
    return this;
  }

  /**
   * Runs the job.
   *
   * @param file the token file, whose name ends in {@code .safetensors}
   * @throws DogeException as {@link Mixture#tokenize} does
   */
  public Tokens write(Path file) {
    Path parts = file.resolveSibling(file.getFileName() + ".parts");
    List<Task> tasks = tasks(parts);
    List<Outcome> outcomes = run(tasks);
    long bad = outcomes.stream().mapToLong(Outcome::badRows).sum();
    if (bad > 0) {
      System.out.printf("%,d bad rows left out:%n", bad);
      outcomes.stream()
          .flatMap(o -> o.firstBadRows().stream())
          .limit(10)
          .forEach(System.out::println);
    }
    Map<String, List<Path>> made = new LinkedHashMap<>();
    for (int i = 0; i < tasks.size(); i++) {
      List<Path> ofCorpus = made.computeIfAbsent(tasks.get(i).corpus(), n -> new ArrayList<>());
      if (!outcomes.get(i).empty()) {
        ofCorpus.add(Path.of(outcomes.get(i).part()));
      }
    }
    Tokens tokens = mixture().concatenate(Tokenizer.load(tokenizer), file, made);
    delete(parts, tasks);
    return tokens;
  }

  private List<Task> tasks(Path parts) {
    try {
      Files.createDirectories(parts);
    } catch (IOException e) {
      throw new DogeException(parts + " could not be made: " + e + "; check the folder", e);
    }
    List<Task> tasks = new ArrayList<>();
    for (Corpus corpus : corpora.keySet()) {
      for (Path one : corpus.files()) {
        Path part = parts.resolve(String.format("%06d%s", tasks.size(), TokenFile.ENDING));
        tasks.add(
            new Task(
                corpus.name(), one.toAbsolutePath().toString(), part.toAbsolutePath().toString()));
      }
    }
    return tasks;
  }

  private List<Outcome> run(List<Task> tasks) {
    String folder = tokenizer.toAbsolutePath().toString(); // no field, so that only this travels
    CorpusForm itsForm = form;
    List<Outcome> outcomes =
        context
            .parallelize(tasks, tasks.size())
            .map(task -> tokenize(task, folder, itsForm))
            .collect();
    for (Outcome outcome : outcomes) {
      if (outcome.refusal() != null) {
        throw new DogeException(outcome.refusal());
      }
    }
    return outcomes;
  }

  private static Outcome tokenize(Task task, String tokenizer, CorpusForm form) {
    try {
      return tokenized(task, tokenizer, form);
    } catch (DogeException e) { // Spark would try it again, and hand its text over among its own
      return new Outcome(task.part(), true, 0, List.of(), e.getMessage());
    }
  }

  private static Outcome tokenized(Task task, String tokenizer, CorpusForm form) {
    Corpus corpus = form.of(Corpus.file(Path.of(task.file())).withName(task.corpus()));
    if (corpus.head(1).isEmpty()) {
      return new Outcome(task.part(), true, 0, List.of(), null);
    }
    Tokens tokens =
        Mixture.of(corpus, 1)
            .withThreads(1) // Spark runs a task for each core itself
            .tokenize(Tokenizer.load(Path.of(tokenizer)), Path.of(task.part()));
    return new Outcome(
        task.part(), false, tokens.badRows().count(), tokens.badRows().first(), null);
  }

  private Mixture mixture() {
    Mixture mixture = null;
    for (Map.Entry<Corpus, Double> one : corpora.entrySet()) {
      mixture =
          mixture == null
              ? Mixture.of(one.getKey(), one.getValue())
              : mixture.and(one.getKey(), one.getValue());
    }
    if (mixture == null) {
      throw new DogeException("there is no corpus to preprocess; add one");
    }
    return documents < 0 ? mixture : mixture.withDocuments(documents, heldOut);
  }

  private static void delete(Path parts, List<Task> tasks) {
    try {
      for (Task task : tasks) {
        Files.deleteIfExists(Path.of(task.part()));
      }
      Files.deleteIfExists(parts);
    } catch (IOException e) {
      throw new DogeException(parts + " could not be deleted: " + e + "; delete it by hand", e);
    }
  }
}
