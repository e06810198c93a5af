package dev.smalldoge.cli;

import dev.smalldoge.data.CorpusForm;
import picocli.CommandLine.Option;

/** What every command takes that reads rows for training, here and on a cluster. */
public final class CorpusFormOptions {
  @Option(
      names = "--form",
      defaultValue = "text",
      description = "text (default), conversations, or reference: as the reference cuts its rows")
  private String form;

  @Option(names = "--max-length", defaultValue = "2048", description = "of the reference's form")
  private int maxLength;

  @Option(names = "--text-column", defaultValue = "text", description = "text by default")
  private String textColumn;

  @Option(names = "--skip-bad-rows", description = "leave them out and name them")
  private boolean skipBadRows;

  /** The form that was asked for. */
  public CorpusForm form() {
    return new CorpusForm(form, maxLength, textColumn, skipBadRows);
  }
}
