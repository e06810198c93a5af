package dev.smalldoge.cli;

import dev.smalldoge.data.SentenceCorrections;
import dev.smalldoge.data.hub.Download;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Fetches data sets of the hub; a cut download goes on when it is run again. */
@Command(
    name = "download",
    description = "Fetch data sets, or their first part, from the hub.",
    footer = {
      "",
      "  doge download fineweb-edu --files 2",
      "  doge download HuggingFaceTB/smoltalk:all --rows 100000",
      "  doge download sentence-corrections",
      "",
      "HF_ENDPOINT names another hub, HF_TOKEN is sent to it. sentence-corrections are preferences",
      "out of LanguageTool's rules, from a Maven repository."
    })
final class DownloadCommand implements Callable<Integer> {
  @Parameters(
      arity = "1..*",
      paramLabel = "NAME",
      description = "a known name, organization/name or organization/name:subset")
  private List<String> names;

  @Option(
      names = "--datasets",
      defaultValue = "datasets",
      description = "folder to fetch into (${DEFAULT-VALUE})")
  private String datasets;

  @Option(names = "--test", description = "the test split, into NAME-test")
  private boolean test;

  @Option(names = "--files", description = "only so many files of each, the first")
  private Long files;

  @Option(names = "--rows", description = "only as many files as hold so many rows")
  private Long rows;

  @Option(names = "--tokens", description = "only as many files as hold about so many tokens")
  private Long tokens;

  @Option(
      names = "--maven-repository",
      defaultValue = SentenceCorrections.MAVEN_CENTRAL,
      description = "where sentence-corrections comes from; Maven Central by default")
  private String repository;

  @Override
  public Integer call() {
    for (String name : names) {
      if (name.equals(SentenceCorrections.NAME)) {
        int rows = SentenceCorrections.download(repository, Path.of(datasets));
        System.out.printf("%s: %,d preferences, LGPL-2.1 or later%n", name, rows);
        continue;
      }
      Download download = test ? Download.of(name).test() : Download.of(name);
      download = files == null ? download : download.firstFiles(files);
      download = rows == null ? download : download.firstRows(rows);
      download = tokens == null ? download : download.firstTokens(tokens);
      download.listener(progress -> System.err.printf("\r%s: %s   ", name, progress));
      System.out.println(System.lineSeparator() + download.under(datasets));
      if (download.missing() > 0) {
        System.out.printf(
            "%,d texts are kept no more, or are empty or not UTF-8, and were left out%n",
            download.missing());
      }
    }
    return 0;
  }
}
