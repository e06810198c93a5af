package dev.smalldoge.data;

import java.io.IOException;

/** Rows of one file, one after the other, in constant memory. */
interface RowReader extends AutoCloseable {
  /**
   * The next row, or null after the last.
   *
   * @throws IOException if the file itself is damaged from here on
   */
  Row next() throws IOException;

  @Override
  void close() throws IOException;
}
