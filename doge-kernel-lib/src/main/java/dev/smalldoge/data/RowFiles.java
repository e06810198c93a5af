package dev.smalldoge.data;

import static dev.smalldoge.config.Checks.check;

import com.github.luben.zstd.ZstdInputStream;
import dev.smalldoge.config.DogeException;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/** Which files hold rows, and how each kind is read. */
final class RowFiles {
  private static final List<String> DATA =
      List.of(".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet", ".arrow");
  private static final String UNFINISHED = ".part"; // as FileFetch names what it fetches
  private static final List<String> TEXT = List.of(".txt", ".md", ".rst", ".py", ".java");

  private RowFiles() {}

  /**
   * The data files in {@code folder} and below, sorted; where there are none, its text files. Files
   * of a download that was cut are named on the error stream.
   *
   * @throws DogeException if there is neither
   */
  static List<Path> in(Path folder) {
    check(
        Files.isDirectory(folder),
        "%s is no folder; give one with %s or text files",
        folder,
        String.join(", ", DATA));
    List<Path> saved = ArrowFolder.files(folder);
    if (!saved.isEmpty()) {
      return saved;
    }
    List<Path> all;
    try (Stream<Path> files = Files.walk(folder)) {
      all = files.filter(Files::isRegularFile).filter(RowFiles::visible).sorted().toList();
    } catch (IOException e) {
      throw new DogeException(folder + " cannot be listed: " + e + "; check its permissions", e);
    }
    List<Path> data = all.stream().filter(file -> ends(file, DATA)).toList();
    List<Path> chosen = data.isEmpty() ? all.stream().filter(f -> ends(f, TEXT)).toList() : data;
    check(
        !chosen.isEmpty(),
        "%s holds no rows: none of its %d files ends in %s or %s",
        folder,
        all.size(),
        String.join(", ", DATA),
        String.join(", ", TEXT));
    tellUnfinished(folder, all);
    return chosen;
  }

  /** Says on the error stream which files are still to come, since their rows will be missing. */
  private static void tellUnfinished(Path folder, List<Path> all) {
    List<Path> unfinished = all.stream().filter(f -> ends(f, List.of(UNFINISHED))).toList();
    if (!unfinished.isEmpty()) {
      System.err.printf(
          "%s lacks %d files that came in part only, the first %s; fetch the rest with doge"
              + " download, or delete it%n",
          folder, unfinished.size(), unfinished.get(0).getFileName());
    }
  }

  private static boolean visible(Path file) {
    return !file.getFileName().toString().startsWith(".");
  }

  /** Whether {@code file} is one text rather than a list of rows. */
  static boolean isText(Path file) {
    return !ends(file, DATA);
  }

  private static boolean ends(Path file, List<String> endings) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    return endings.stream().anyMatch(name::endsWith);
  }

  /**
   * Opens {@code file} at row {@code first}.
   *
   * @param columns what is wanted; empty for everything
   * @param maxRowBytes longest row that is read into memory
   */
  static RowReader open(Path file, Set<String> columns, long first, int maxRowBytes)
      throws IOException {
    if (isText(file)) {
      return new TextFileReader(file, first, maxRowBytes);
    }
    if (ends(file, List.of(".arrow"))) {
      return new ArrowRowReader(file, columns, first, maxRowBytes);
    }
    if (ends(file, List.of(".parquet"))) {
      return new ParquetRowReader(file, columns, first, maxRowBytes);
    }
    JsonlReader reader = new JsonlReader(file, stream(file), columns, maxRowBytes);
    reader.skip(first);
    return reader;
  }

  private static InputStream stream(Path file) throws IOException {
    InputStream bytes = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
    try {
      if (ends(file, List.of(".zst"))) {
        return new ZstdInputStream(bytes);
      }
      return ends(file, List.of(".gz")) ? new GZIPInputStream(bytes, 1 << 16) : bytes;
    } catch (EOFException e) {
      bytes.close();
      throw new IOException("it ends before its first compressed byte", e);
    } catch (IOException | RuntimeException e) {
      bytes.close();
      throw e;
    }
  }
}
