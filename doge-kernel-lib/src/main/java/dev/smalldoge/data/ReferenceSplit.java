package dev.smalldoge.data;

import static dev.smalldoge.config.Checks.check;

/**
 * Which documents the reference holds out: the first of all of them in numpy's order, in which its
 * {@code fineweb-edu} stands backwards, since it takes those rows from the last to the first.
 *
 * <p>The sources must be in the reference's order (fineweb-edu, cosmopedia-v2, python-edu,
 * finemath) and have its counts. The order takes four bytes a document while it is made.
 *
 * <p>Source: {@code preprocess_pt_datasets.py} and {@code concatenate_pt_datasets.py} of small-doge
 * ({@code train_test_split} with seed 233).
 */
final class ReferenceSplit {
  private static final String BACKWARDS = "fineweb-edu";

  private ReferenceSplit() {}

  /** The file's documents that are held out, in the reference's order. */
  static long[] heldOut(DocumentRanges documents, int count, long seed) {
    check(
        documents.documents() <= Integer.MAX_VALUE - 8,
        "%,d documents are too many to shuffle as numpy does; mix fewer, or use another form",
        documents.documents());
    int[] order = NumpyOrder.permutation((int) documents.documents(), seed);
    long[] heldOut = new long[count];
    for (int i = 0; i < count; i++) {
      heldOut[i] = turned(documents.document(order[i]), documents.file());
    }
    return heldOut;
  }

  /** The document that stands where {@code document} does once one source is turned round. */
  private static long turned(long document, TokenFile file) {
    long first = 0;
    for (SourceShare source : file.sources()) {
      long end = first + source.documents();
      if (source.name().equals(BACKWARDS) && document >= first && document < end) {
        return end - 1 - (document - first);
      }
      first = end;
    }
    return document;
  }
}
