package dev.smalldoge.spark;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.data.BadRows;
import dev.smalldoge.data.Corpus;
import dev.smalldoge.data.CorpusForm;
import dev.smalldoge.data.Mixture;
import dev.smalldoge.data.TokenFile;
import dev.smalldoge.data.TokenPart;
import dev.smalldoge.data.Tokens;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;

/**
 * Preprocesses on a Spark cluster: every file of every corpus is tokenized as a task of its own,
 * then the driver joins the parts. The result is, byte for byte, what {@code doge preprocess}
 * writes on one machine, and what that would refuse is refused, in the same words.
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

  /**
   * One file to tokenize.
   *
   * @param part folder for what is made of it
   * @param number which of all files it is
   * @param most how many documents of its corpus are wanted at most
   */
  private record Task(String corpus, String file, String part, int number, long most)
      implements Serializable {}

  /** What became of it; its refusal, or null. */
  private record Outcome(
      String part, long documents, long badRows, List<String> firstBadRows, String refusal)
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
    Mixture mixture = mixture();
    Path parts = file.resolveSibling(file.getFileName() + ".parts").toAbsolutePath();
    try {
      Map<String, List<Path>> made = taken(run(tasks(parts, mixture.wanted())));
      return mixture.concatenate(Tokenizer.load(tokenizer), file, made);
    } finally {
      delete(parts);
    }
  }

  private List<Task> tasks(Path parts, Map<String, Long> wanted) {
    try {
      Files.createDirectories(parts);
    } catch (IOException e) {
      throw new DogeException(parts + " could not be made: " + e + "; check the folder", e);
    }
    List<Task> tasks = new ArrayList<>();
    for (Corpus corpus : corpora.keySet()) {
      for (Path one : corpus.files()) {
        tasks.add(
            new Task(
                corpus.name(),
                one.toAbsolutePath().toString(),
                parts.toString(),
                tasks.size(),
                wanted.get(corpus.name())));
      }
    }
    return tasks;
  }

  /** A task and what became of it. */
  private record Done(Task task, Outcome outcome) {}

  private List<Done> run(List<Task> tasks) {
    String folder = tokenizer.toAbsolutePath().toString(); // no field, so that only this travels
    CorpusForm itsForm = form;
    List<Outcome> outcomes =
        context
            .parallelize(tasks, tasks.size())
            .map(task -> tokenize(task, folder, itsForm, TaskContext.get().taskAttemptId()))
            .collect();
    List<Done> done = new ArrayList<>();
    for (int i = 0; i < tasks.size(); i++) {
      done.add(new Done(tasks.get(i), outcomes.get(i)));
    }
    return done;
  }

  private static Outcome tokenize(Task task, String tokenizer, CorpusForm form, long attempt) {
    Corpus corpus = form.of(Corpus.file(Path.of(task.file())).withName(task.corpus()));
    // Spark may run a task twice at once, where it lost sight of the first
    String name = String.format("%06d-%d%s", task.number(), attempt, TokenFile.ENDING);
    Path part = Path.of(task.part()).resolve(name);
    try {
      TokenPart made = TokenPart.of(corpus, Tokenizer.load(Path.of(tokenizer)), part, task.most());
      BadRows bad = made.badRows();
      return new Outcome(part.toString(), made.documents(), bad.count(), bad.first(), null);
    } catch (DogeException e) { // Spark would try it again, and hand its text over among its own
      return new Outcome(part.toString(), 0, 0, List.of(), e.getMessage());
    }
  }

  /**
   * The parts that one machine would have read: files behind the last wanted document are not
   * judged, and a file that was refused is read again as far as it is wanted.
   */
  private Map<String, List<Path>> taken(List<Done> all) {
    Map<String, List<Path>> taken = new LinkedHashMap<>();
    Map<String, Long> documentsOf = new HashMap<>();
    List<String> firstBad = new ArrayList<>();
    long bad = 0;
    for (Done done : all) {
      Task task = done.task();
      List<Path> ofCorpus = taken.computeIfAbsent(task.corpus(), name -> new ArrayList<>());
      long before = documentsOf.getOrDefault(task.corpus(), 0L);
      if (before >= task.most()) {
        continue;
      }
      Outcome outcome = done.outcome();
      if (outcome.refusal() != null) {
        Task rest =
            new Task(task.corpus(), task.file(), task.part(), task.number(), task.most() - before);
        outcome = tokenize(rest, tokenizer.toString(), form, -1);
      }
      if (outcome.refusal() != null) {
        throw new DogeException(outcome.refusal());
      }
      if (outcome.documents() > 0) {
        ofCorpus.add(Path.of(outcome.part()));
      }
      documentsOf.put(task.corpus(), before + outcome.documents());
      bad += outcome.badRows();
      firstBad.addAll(outcome.firstBadRows());
    }
    if (bad > 0) {
      System.out.printf("%,d bad rows left out:%n", bad);
      firstBad.stream().limit(10).forEach(System.out::println);
    }
    return taken;
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

  private static void delete(Path parts) {
    try (Stream<Path> files = Files.list(parts)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.delete(file);
      }
      Files.delete(parts);
    } catch (IOException e) {
      throw new DogeException(parts + " could not be deleted: " + e + "; delete it by hand", e);
    }
  }
}
