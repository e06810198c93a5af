package dev.smalldoge.cli;

import dev.smalldoge.data.Corpus;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.StreamSupport;
import picocli.CommandLine.Option;

/** What every command takes that reads the bare texts of corpora. */
final class CorpusTextOptions {
  @Option(
      names = "--datasets",
      defaultValue = "datasets",
      description = "where corpora lie (${DEFAULT-VALUE})")
  private String datasets;

  @Option(
      names = "--text-column",
      defaultValue = "text",
      description = "of the rows (${DEFAULT-VALUE})")
  private String textColumn;

  /** The texts of corpora, one after the other, read again each time. */
  Iterable<String> texts(List<String> corpora) {
    return () ->
        corpora.stream()
            .map(this::corpus)
            .flatMap(corpus -> StreamSupport.stream(corpus.texts().spliterator(), false))
            .iterator();
  }

  private Corpus corpus(String name) {
    Corpus corpus;
    if (Files.isRegularFile(Path.of(name))) {
      corpus = Corpus.file(name);
    } else if (Files.isDirectory(Path.of(name))) {
      corpus = Corpus.folder(name);
    } else {
      corpus = Corpus.of(name).under(datasets);
    }
    return corpus.withTextColumn(textColumn);
  }
}
