package dev.smalldoge.data;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.Home;
import dev.smalldoge.config.NearestWord;
import dev.smalldoge.tokenizer.Message;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import tech.tablesaw.api.Table;

/**
 * Files with rows of text: a shipped corpus, a downloaded one, or your own. Immutable; {@code
 * withX} returns a changed copy.
 *
 * <p>Example: {@code Corpus.of("state-of-the-union").under("datasets").tokenize(tokenizer)}, or
 * {@code Corpus.folder("my-notes").tokenize(tokenizer)}.
 */
public final class Corpus {
  private static final String SHIPPED = "shipped";
  private static final int MAX_ROW_BYTES = 32 << 20;

  private final String name;
  private final List<Path> files;
  private final String textColumn;
  private final long maxRows;
  private final boolean skippingBadRows;
  private final RowForm form;

  private Corpus(
      String name,
      List<Path> files,
      String textColumn,
      long maxRows,
      boolean skippingBadRows,
      RowForm form) {
    this.name = name;
    this.files = files;
    this.textColumn = textColumn;
    this.maxRows = maxRows;
    this.skippingBadRows = skippingBadRows;
    this.form = form;
  }

  private static Corpus of(String name, List<Path> files) {
    return new Corpus(name, files, "text", Long.MAX_VALUE, false, TextEncoder::new);
  }

  /** The name of a corpus whose folder {@link #under} tells. */
  public static final class Named {
    private final String name;

    private Named(String name) {
      this.name = name;
    }

    /**
     * The corpus in {@code folder}: {@code shipped/NAME.jsonl.gz}, or the folder NAME that {@code
     * doge download} made. A relative folder is seen from {@link Home}.
     *
     * @throws DogeException with the names there are, if it is not there
     */
    public Corpus under(String folder) {
      return under(Home.path(folder));
    }

    /** As {@link #under(String)}, for exactly this folder. */
    public Corpus under(Path folder) {
      Path shipped = folder.resolve(SHIPPED).resolve(name + ".jsonl.gz");
      if (Files.isRegularFile(shipped)) {
        return Corpus.of(name, List.of(shipped));
      }
      Path own = folder.resolve(name.replace(':', '/'));
      if (Files.isDirectory(own)) {
        return Corpus.of(name, RowFiles.in(own));
      }
      List<String> names = names(folder);
      throw new DogeException(
          String.format(
              "%s has no corpus \"%s\"; it has %s, fetch others with doge download%s",
              folder, name, names, NearestWord.hint(name, names)));
    }
  }

  /** A corpus by its name; {@link Named#under} says in which folder. */
  public static Named of(String name) {
    return new Named(name);
  }

  /** The rows of one file: jsonl, jsonl.gz, jsonl.zst, parquet, or a text as its only row. */
  public static Corpus file(String file) {
    return file(Home.path(file));
  }

  /** As {@link #file(String)}. */
  public static Corpus file(Path file) {
    check(Files.isRegularFile(file), "%s is no file; check the path", file);
    String name = file.getFileName().toString();
    return of(name.replaceFirst("\\..*", ""), List.of(file));
  }

  /** The rows of every data file in a folder and below; without any, its text files. */
  public static Corpus folder(String folder) {
    return folder(Home.path(folder));
  }

  /** As {@link #folder(String)}. */
  public static Corpus folder(Path folder) {
    return of(folder.toAbsolutePath().normalize().getFileName().toString(), RowFiles.in(folder));
  }

  /** The same corpus under another name, as which its share of a mixture is told. */
  public Corpus withName(String newName) {
    return new Corpus(newName, files, textColumn, maxRows, skippingBadRows, form);
  }

  /** Takes the text from {@code column} instead of {@code text}. */
  public Corpus withTextColumn(String column) {
    return new Corpus(name, files, column, maxRows, skippingBadRows, form);
  }

  /** Only the first {@code rows} rows. */
  public Corpus first(long rows) {
    check(rows > 0, "the first %d rows are none; ask for at least 1", rows);
    return new Corpus(name, files, textColumn, rows, skippingBadRows, form);
  }

  /** Leaves rows out that cannot be used, counted and named, instead of refusing the corpus. */
  public Corpus skippingBadRows() {
    return new Corpus(name, files, textColumn, maxRows, true, form);
  }

  /**
   * Reads the rows as conversations: tokenizing sends them through the tokenizer's chat template,
   * and only what the assistant says is learned.
   */
  public Corpus asConversations() {
    return asConversations("", true);
  }

  /**
   * As {@link #asConversations()}, with two choices.
   *
   * @param systemPrompt first message of every conversation that has none of its own; empty for
   *     none
   * @param assistantOnly whether only what the assistant says is learned; otherwise everything
   */
  public Corpus asConversations(String systemPrompt, boolean assistantOnly) {
    return new Corpus(
        name,
        files,
        textColumn,
        maxRows,
        skippingBadRows,
        (tokenizer, column) ->
            new ConversationEncoder(tokenizer, new ChatReading(systemPrompt, assistantOnly)));
  }

  /**
   * Reads the rows as the reference does: BOS but no EOS, rows with a {@code prompt} through the
   * chat template, everything learned, cut after {@code maxLength} tokens.
   */
  public Corpus inReferenceForm(int maxLength) {
    check(maxLength >= 2, "maxLength %d leaves nothing to predict; use 2048", maxLength);
    return new Corpus(
        name,
        files,
        textColumn,
        maxRows,
        skippingBadRows,
        (tokenizer, column) -> new ReferenceEncoder(tokenizer, column, maxLength));
  }

  /** Its name. */
  public String name() {
    return name;
  }

  /**
   * The part of this corpus that is in one of its files.
   *
   * @throws DogeException if it is none of them
   */
  public Corpus only(Path file) {
    check(files.contains(file), "%s is no file of %s; it has %s", file, name, files);
    return new Corpus(name, List.of(file), textColumn, maxRows, skippingBadRows, form);
  }

  /** Its files, in the order in which they are read. */
  public List<Path> files() {
    return files;
  }

  /**
   * Every text, for training a tokenizer; reads the files again each time it is iterated.
   *
   * @throws DogeException while iterating, at a row without text, unless bad rows are skipped
   */
  public Iterable<String> texts() {
    return () -> new RowIterator<>(this, Set.of(textColumn), row -> row.text(textColumn));
  }

  /**
   * The first rows, each with all its columns, for looking at.
   *
   * @throws DogeException if a file is missing or damaged
   */
  public List<Map<String, Object>> head(int rowCount) {
    List<Map<String, Object>> head = new ArrayList<>();
    try (CorpusRows rows = first(rowCount).rows(Set.of())) {
      for (Row row = rows.next(); row != null; row = rows.next()) {
        head.add(row.values());
      }
    }
    return head;
  }

  /**
   * Every row as a conversation: its {@code messages}, or {@code conversations}, or {@code prompt}
   * and {@code completion}.
   *
   * @throws DogeException while iterating, at a row without one, unless bad rows are skipped
   */
  public Iterable<Conversation> conversations() {
    return () -> new RowIterator<>(this, ChatRows.CONVERSATION, ChatRows::conversation);
  }

  /**
   * Every row as a preference: {@code chosen} and {@code rejected}, and {@code prompt} where those
   * do not hold it.
   *
   * @throws DogeException while iterating, at a row without one, unless bad rows are skipped
   */
  public Iterable<PreferencePair> preferences() {
    return () -> new RowIterator<>(this, ChatRows.PREFERENCE, ChatRows::preference);
  }

  /**
   * Tokenizes every row into a temporary file that ends with this JVM.
   *
   * @throws DogeException if a row or a file cannot be used
   */
  public Tokens tokenize(Tokenizer tokenizer) {
    return Mixture.of(this, 1).tokenize(tokenizer);
  }

  /**
   * Tokenizes every row into {@code file}, which appears when it is whole.
   *
   * @param file its name, which must end in {@code .safetensors}
   * @throws DogeException if a row or a file cannot be used
   */
  public Tokens tokenize(Tokenizer tokenizer, Path file) {
    return Mixture.of(this, 1).tokenize(tokenizer, file);
  }

  /**
   * How much there is.
   *
   * @param rows rows that can be used
   * @param bytes UTF-8 bytes of their text, or of everything said in their messages
   */
  public record Size(long rows, long bytes) {}

  /**
   * Counts rows and text, reading everything.
   *
   * @throws DogeException if a row has neither text nor messages, unless bad rows are skipped
   */
  public Size size() {
    Set<String> columns = new TreeSet<>(ChatRows.CONVERSATION);
    columns.addAll(ChatRows.PREFERENCE);
    columns.add(textColumn);
    Iterator<Long> lengths = new RowIterator<>(this, columns, this::length);
    long rows = 0;
    long bytes = 0;
    while (lengths.hasNext()) {
      rows++;
      bytes += lengths.next();
    }
    return new Size(rows, bytes);
  }

  private Long length(Row row) throws BadRow {
    if (row.values().get(textColumn) instanceof String) {
      return Utf8.length(row.text(textColumn));
    }
    long bytes = 0;
    if (row.values().get("chosen") != null) {
      PreferencePair pair = ChatRows.preference(row);
      bytes = Utf8.length(pair.chosen().content()) + Utf8.length(pair.rejected().content());
    } else {
      for (Message message : ChatRows.conversation(row).messages()) {
        bytes += Utf8.length(message.content());
      }
    }
    return bytes;
  }

  /** The first rows as a table, with all their columns; long values are cut. */
  public Table table(int rows) {
    check(rows > 0, "the first %d rows are none; ask for at least 1", rows);
    return RowTable.of(this, rows);
  }

  CorpusRows rows(Set<String> columns) {
    return new CorpusRows(files, columns, MAX_ROW_BYTES, maxRows);
  }

  BadRows badRows() {
    return new BadRows(!skippingBadRows);
  }

  RowEncoder encoder(Tokenizer tokenizer) {
    return form.encoder(tokenizer, textColumn);
  }

  private static List<String> names(Path folder) {
    List<String> names = new ArrayList<>();
    for (Path place : List.of(folder.resolve(SHIPPED), folder)) {
      if (!Files.isDirectory(place)) {
        continue;
      }
      try (Stream<Path> inside = Files.list(place)) {
        inside
            .filter(p -> Files.isDirectory(p) || p.toString().endsWith(".jsonl.gz"))
            .map(p -> p.getFileName().toString().replace(".jsonl.gz", ""))
            .filter(n -> !n.equals(SHIPPED))
            .sorted()
            .forEach(names::add);
      } catch (IOException e) {
        throw new DogeException(place + " cannot be listed: " + e + "; check its permissions", e);
      }
    }
    return names;
  }

  @Override
  public String toString() {
    return String.format(
        "%s: %d file%s, from %s",
        name, files.size(), files.size() == 1 ? "" : "s", files.get(0).getFileName());
  }
}
