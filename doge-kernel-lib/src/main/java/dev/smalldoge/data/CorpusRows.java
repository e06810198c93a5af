package dev.smalldoge.data;

import dev.smalldoge.config.DogeException;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** The rows of several files, one file after the other. */
final class CorpusRows implements AutoCloseable {
  private final List<Path> files;
  private final Set<String> columns;
  private final int maxRowBytes;
  private long left;
  private int opened;
  private long rowsOfFile;
  private RowReader reader;

  /**
   * Begins before the first row.
   *
   * @param columns what is wanted; empty for everything
   * @param maxRows how many rows there are at most
   */
  CorpusRows(List<Path> files, Set<String> columns, int maxRowBytes, long maxRows) {
    this.files = files;
    this.columns = columns;
    this.maxRowBytes = maxRowBytes;
    this.left = maxRows;
  }

  /**
   * The next row, or null after the last.
   *
   * @throws DogeException if a file is missing or damaged
   */
  Row next() {
    while (left > 0) {
      try {
        if (reader == null) {
          if (opened == files.size()) {
            return null;
          }
          rowsOfFile = 0;
          reader = RowFiles.open(files.get(opened++), columns, 0, maxRowBytes);
        }
        Row row = reader.next();
        if (row != null) {
          rowsOfFile++;
          left--;
          return row;
        }
        reader.close();
        reader = null;
      } catch (NoSuchFileException e) {
        throw new DogeException(files.get(opened - 1) + " does not exist; check the path", e);
      } catch (FileSystemException e) { // whose message is the path alone
        throw new DogeException(
            files.get(opened - 1) + " cannot be opened (" + e + "); check its permissions", e);
      } catch (IOException e) {
        throw new DogeException(
            String.format(
                "%s is damaged after row %d (%s); fetch it again, nothing was made of it",
                files.get(opened - 1), rowsOfFile, e.getMessage()),
            e);
      }
    }
    return null;
  }

  @Override
  public void close() {
    try {
      if (reader != null) {
        reader.close();
      }
    } catch (IOException e) {
      throw new DogeException(files.get(opened - 1) + " cannot be closed: " + e, e);
    }
  }
}
