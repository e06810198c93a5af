package dev.smalldoge.model;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Token ids for one forward pass, and which of them a token may look at.
 *
 * @param inputIds INT64 (B, T)
 * @param keyMask at most one INT64 (B, T), 1 for real tokens, 0 for padding
 * @param paddedLeft whether some row begins with padding, so that its first queries see no key
 * @param documents at most one INT64 (B, T): the number of each token's document
 * @param bounds offsets of the documents in the B·T tokens, from 0 to B·T; empty: one a row
 * @param batchSize B
 * @param length T
 */
public record ModelInput(
    Tensor inputIds,
    List<Tensor> keyMask,
    boolean paddedLeft,
    List<Tensor> documents,
    List<Long> bounds,
    int batchSize,
    int length) {
  private static final int CPU_LENGTHS = 8;
  private static final int GPU_LENGTHS = 64;

  /**
   * How long rows of up to {@code longest} tokens are best padded to: to a length that comes again,
   * of few on a GPU, which prepares attention anew for each.
   *
   * @param most beyond which nothing is padded
   */
  public static int sharedLength(Device device, int longest, int most) {
    int step = device.isGpu() ? GPU_LENGTHS : CPU_LENGTHS;
    return Math.max(longest, Math.min(most, (longest + step - 1) / step * step));
  }

  /** Rows without padding, each one document. */
  public static ModelInput of(Operations operations, long[][] inputIds) {
    return new ModelInput(
        tensor(operations, inputIds),
        List.of(),
        false,
        List.of(),
        List.of(),
        inputIds.length,
        inputIds[0].length);
  }

  /** Rows with padding where {@code attentionMask} is 0. */
  public static ModelInput padded(
      Operations operations, long[][] inputIds, long[][] attentionMask) {
    check(
        attentionMask.length == inputIds.length,
        "%d rows of ids have %d rows of attention mask; give one for each",
        inputIds.length,
        attentionMask.length);
    boolean left = false;
    boolean any = false;
    for (int row = 0; row < inputIds.length; row++) {
      long[] mask = attentionMask[row];
      check(
          mask.length == inputIds[row].length && mask.length > 0,
          "row %d has %d tokens and an attention mask of %d; give one number for each",
          row,
          inputIds[row].length,
          mask.length);
      left |= mask[0] == 0;
      for (long kept : mask) {
        check(kept == 0 || kept == 1, "an attention mask holds %d; use 1, or 0 for padding", kept);
        any |= kept == 0;
      }
    }
    if (!any) {
      return of(operations, inputIds);
    }
    return new ModelInput(
        tensor(operations, inputIds),
        List.of(tensor(operations, attentionMask)),
        left,
        List.of(),
        List.of(),
        inputIds.length,
        inputIds[0].length);
  }

  /**
   * Packed rows: attention stays inside each document.
   *
   * @param inputIds INT64 (B, T)
   * @param bounds offsets of the documents in the flattened batch; every multiple of T is one
   */
  public static ModelInput packed(
      Operations operations, Tensor inputIds, int batchSize, int length, long... bounds) {
    long[] numbers = new long[batchSize * length];
    check(
        bounds.length > 1 && bounds[0] == 0 && bounds[bounds.length - 1] == numbers.length,
        "the documents' bounds %s do not run from 0 to the batch's %d tokens; give every token a"
            + " document",
        Arrays.toString(bounds),
        numbers.length);
    List<Long> offsets = new ArrayList<>();
    for (int i = 0; i + 1 < bounds.length; i++) {
      offsets.add(bounds[i]);
      check(
          bounds[i] < bounds[i + 1],
          "document %d of the batch begins at %d and ends at %d; leave empty documents out",
          i,
          bounds[i],
          bounds[i + 1]);
      check(
          bounds[i] / length == (bounds[i + 1] - 1) / length,
          "a document of the batch crosses from row %d to the next; end it at the row's end",
          bounds[i] / length);
      Arrays.fill(numbers, (int) bounds[i], (int) bounds[i + 1], i);
    }
    offsets.add(bounds[bounds.length - 1]);
    return new ModelInput(
        inputIds,
        List.of(),
        false,
        List.of(operations.longs(numbers, batchSize, length)),
        offsets,
        batchSize,
        length);
  }

  private static Tensor tensor(Operations operations, long[][] rows) {
    check(rows.length > 0 && rows[0].length > 0, "the batch has no tokens; give some");
    int length = rows[0].length;
    long[] flat = new long[rows.length * length];
    for (int row = 0; row < rows.length; row++) {
      check(
          rows[row].length == length,
          "row %d of the batch has %d tokens, row 0 has %d; pad them to one length",
          row,
          rows[row].length,
          length);
      System.arraycopy(rows[row], 0, flat, row * length, length);
    }
    return operations.longs(flat, rows.length, length);
  }
}
