package dev.smalldoge.spark;

import dev.smalldoge.cli.CorpusFormOptions;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.data.Corpus;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What {@code spark-submit} runs; its options are those of {@code doge preprocess}. */
@Command(name = "doge-spark", description = "Tokenize corpora on a cluster into one file.")
public final class SparkMain implements Callable<Integer> {
  @Parameters(
      arity = "1..*",
      paramLabel = "CORPUS[=RATIO]",
      mapFallbackValue = "",
      description = "a folder or a file")
  private Map<String, String> corpora = new LinkedHashMap<>();

  @Option(names = "--tokenizer", required = true, description = "folder with a tokenizer.json")
  private Path tokenizer;

  @Option(names = "--output", required = true, description = "the token file")
  private Path output;

  @Option(names = "--documents", defaultValue = "-1", description = "in all; -1 for all there are")
  private long documents;

  @Option(names = "--test-documents", defaultValue = "0", description = "as many more")
  private long testDocuments;

  @Mixin private CorpusFormOptions rows;

  private SparkMain() {}

  /** Runs the job and exits with 0, or with 1 where it failed. */
  public static void main(String... arguments) {
    CommandLine commandLine = new CommandLine(new SparkMain());
    commandLine.setExecutionExceptionHandler(
        (e, command, parsed) -> {
          if (e instanceof DogeException) {
            command.getErr().println(e.getMessage());
          } else {
            e.printStackTrace(command.getErr());
          }
          return 1;
        });
    int code = commandLine.execute(arguments);
    if (code != 0) {
      System.exit(code);
    }
  }

  @Override
  public Integer call() {
    try (JavaSparkContext context =
        new JavaSparkContext(new SparkConf().setAppName("doge preprocess"))) {
      SparkPreprocess job = new SparkPreprocess(context, tokenizer, rows.form());
      corpora.forEach((path, ratio) -> job.add(corpus(path), ratio(ratio)));
      System.out.println(job.withDocuments(documents, testDocuments).write(output));
    }
    return 0;
  }

  private static Corpus corpus(String path) {
    return Files.isDirectory(Path.of(path)) ? Corpus.folder(path) : Corpus.file(path);
  }

  private double ratio(String ratio) {
    return ratio == null || ratio.isEmpty() ? 1.0 / corpora.size() : Double.parseDouble(ratio);
  }
}
