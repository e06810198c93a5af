package dev.smalldoge.data;

import java.util.Set;

/** Makes tokens of rows. Called from several threads at once. */
interface RowEncoder {
  /** The columns that it reads. */
  Set<String> columns();

  /**
   * The row's tokens.
   *
   * @throws BadRow if it cannot be used
   */
  EncodedDocument encode(Row row) throws BadRow;

  /** Whether documents are held out as the reference does, see {@link ReferenceSplit}. */
  default boolean splitsAsReference() {
    return false;
  }

  /** Whether some tokens are not learned, so that the file needs a mask. */
  default boolean masks() {
    return false;
  }
}
