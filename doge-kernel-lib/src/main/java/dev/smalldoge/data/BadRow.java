package dev.smalldoge.data;

/** A row that cannot be used; whoever reads the corpus refuses it or reports it, see BadRows. */
final class BadRow extends Exception {
  private static final long serialVersionUID = 1;
  private final transient Row row;

  /**
   * Says why.
   *
   * @param reason the end of a sentence that begins with the file and the row
   */
  BadRow(Row row, String reason) {
    super(reason, null, false, false); // no trace: a reason is data here, not a failure of ours
    this.row = row;
  }

  /** File, row and reason. */
  String place() {
    return row.file() + " row " + row.number() + ": " + getMessage();
  }
}
