package dev.smalldoge.cli;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.data.Corpus;
import dev.smalldoge.data.Mixture;
import dev.smalldoge.data.TokenFile;
import dev.smalldoge.data.Tokens;
import dev.smalldoge.tokenizer.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Makes a token file of one corpus, or of several in given parts. */
@Command(
    name = "preprocess",
    description = "Tokenize corpora into one memory-mapped file.",
    footer = {
      "",
      "  doge preprocess state-of-the-union --tokenizer datasets/doge-tokenizer",
      "  doge preprocess state-of-the-union=0.7 python-stdlib=0.3 --documents 1000 \\",
      "      --tokenizer datasets/doge-tokenizer --output datasets/mix.tokens.safetensors"
    })
final class PreprocessCommand implements Callable<Integer> {
  @Parameters(
      arity = "1..*",
      paramLabel = "CORPUS[=RATIO]",
      mapFallbackValue = "",
      description = "a name under --datasets, a folder or a file; ratios add up to 1")
  private Map<String, String> corpora = new LinkedHashMap<>();

  @Option(names = "--tokenizer", required = true, description = "folder with a tokenizer.json")
  private Path tokenizer;

  @Option(names = "--output", description = "the file; by default CORPUS.tokens.safetensors")
  private Path output;

  @Option(
      names = "--datasets",
      defaultValue = "datasets",
      description = "where corpora lie (${DEFAULT-VALUE})")
  private String datasets;

  @Option(names = "--documents", description = "how many in all; by default every one once")
  private Long documents;

  @Option(
      names = "--test-documents",
      defaultValue = "0",
      description = "so many more, held out (${DEFAULT-VALUE})")
  private long testDocuments;

  @Mixin private CorpusFormOptions rows;

  @Override
  public Integer call() {
    Mixture mixture = mixture();
    mixture = documents == null ? mixture : mixture.withDocuments(documents, testDocuments);
    Tokens tokens = mixture.tokenize(Tokenizer.load(tokenizer), output());
    System.out.println(tokens);
    System.out.println(tokens.file().file());
    return 0;
  }

  private Mixture mixture() {
    Mixture mixture = null;
    for (Map.Entry<String, String> entry : corpora.entrySet()) {
      Corpus corpus = rows.form().of(corpus(entry.getKey()));
      double ratio = ratio(entry.getKey(), entry.getValue());
      mixture = mixture == null ? Mixture.of(corpus, ratio) : mixture.and(corpus, ratio);
    }
    return mixture;
  }

  private double ratio(String name, String ratio) {
    if (ratio == null || ratio.isEmpty()) {
      check(corpora.size() == 1, "%s has no ratio; write %s=0.5, say", name, name);
      return 1;
    }
    check(ratio.matches("[0-9.]+"), "the ratio %s of %s is no number; write 0.5", ratio, name);
    return Double.parseDouble(ratio);
  }

  private Corpus corpus(String name) {
    if (Files.isRegularFile(Path.of(name))) {
      return Corpus.file(name);
    }
    return Files.isDirectory(Path.of(name)) ? Corpus.folder(name) : Corpus.of(name).under(datasets);
  }

  private Path output() {
    if (output != null) {
      return output;
    }
    check(
        corpora.size() == 1, "name the mixture's file: --output datasets/mix%s", TokenFile.ENDING);
    String name = corpus(corpora.keySet().iterator().next()).name().replaceAll("[/:]", "-");
    return Path.of(datasets).resolve(name + TokenFile.ENDING);
  }
}
