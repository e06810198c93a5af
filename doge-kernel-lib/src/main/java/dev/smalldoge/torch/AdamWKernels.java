package dev.smalldoge.torch;

import ai.djl.engine.EngineException;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.torch.OptimizerOperations.AdamWGroup;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * AdamW with clipping in kernels of our own: the norm, its factor and the number of updates stay on
 * the device, and one pass over memory updates a weight and its moments, sets its gradient to zero
 * and writes the BFLOAT16 copy that the next step reads. The same numbers as {@link
 * OptimizerOperations#globalNorm}, {@link OptimizerOperations#adamW} and {@link Operations#zero},
 * but for the order of sums.
 */
public final class AdamWKernels implements AutoCloseable {
  private static final int PIECE = 8_192;

  /** Weight, gradient, mean, square and copy. */
  private static final int ARRAYS = 5;

  private static final int PIECE_FIELDS = ARRAYS + 2;
  private static final int PLAN_THREADS = 1_024;

  private final Operations operations;
  private final CudaKernels kernels;
  private long[] addresses = {};
  private long pieces;
  private Tensor table;
  private Tensor groupTable;
  private Tensor sums;
  private Tensor plan;

  private AdamWKernels(Operations operations) {
    this.operations = operations;
    this.kernels = new CudaKernels(operations.device(), List.of("weights"), Map.of());
  }

  /** The kernels on a GPU; empty elsewhere, and where its libraries cannot compile them. */
  public static Optional<AdamWKernels> of(Operations operations) {
    if (!operations.device().isGpu()) {
      return Optional.empty();
    }
    try {
      return Optional.of(new AdamWKernels(operations));
    } catch (DogeException | EngineException | LinkageError e) {
      return Optional.empty(); // libtorch's AdamW serves; FusedKernels says what is missing
    }
  }

  /** What all groups of an update share; see {@code AdamW.Settings}. */
  public record Constants(
      double maxNorm, double learningRate, double beta1, double beta2, double eps) {}

  /**
   * One update of all groups, whose gradients are zero afterwards; only that happens where the norm
   * is not finite.
   *
   * @param copies BFLOAT16 copies of weights that are written with them
   * @return the global gradient norm before clipping, one FLOAT32
   */
  public Tensor update(List<AdamWGroup> groups, Map<Tensor, Tensor> copies, Constants constants) {
    kernels.enter();
    prepare(groups, copies);
    Tensor norm = operations.fused().empty(DType.FLOAT32, 1);
    kernels.launch("squares", pieces, 1, CudaKernels.THREADS, table, sums);
    kernels.launch(
        "adamw_plan",
        1,
        1,
        PLAN_THREADS,
        sums,
        pieces,
        groupTable,
        groups.size(),
        norm,
        plan,
        constants.maxNorm,
        constants.learningRate,
        constants.beta1,
        constants.beta2);
    kernels.launch(
        "adamw",
        pieces,
        1,
        CudaKernels.THREADS,
        table,
        plan,
        constants.beta1,
        constants.beta2,
        constants.eps);
    return norm;
  }

  /** Makes the tables anew where an array has come, gone or moved since the last update. */
  private void prepare(List<AdamWGroup> groups, Map<Tensor, Tensor> copies) {
    long[] now = addresses(groups, copies);
    if (Arrays.equals(now, addresses)) {
      return;
    }
    close();
    addresses = now;
    long[] groupRows = new long[2 * groups.size()];
    List<Long> rows = new ArrayList<>();
    int at = 0;
    for (int g = 0; g < groups.size(); g++) {
      groupRows[2 * g] = now[at++];
      groupRows[2 * g + 1] = Double.doubleToLongBits(groups.get(g).weightDecay());
      for (Tensor weight : groups.get(g).parameters()) {
        addPieces(rows, Arrays.copyOfRange(now, at, at + ARRAYS), weight.size(), g);
        at += ARRAYS;
      }
    }
    long[] all = rows.stream().mapToLong(Long::longValue).toArray();
    pieces = all.length / PIECE_FIELDS;
    table = TensorScope.release(operations.longs(all, pieces, PIECE_FIELDS));
    groupTable = TensorScope.release(operations.longs(groupRows, groups.size(), 2));
    sums = TensorScope.release(operations.fused().empty(DType.FLOAT32, pieces));
    plan = TensorScope.release(operations.fused().empty(DType.FLOAT32, 2 + 3L * groups.size()));
  }

  /** By group that of its count of updates, then for each weight those of its arrays. */
  private static long[] addresses(List<AdamWGroup> groups, Map<Tensor, Tensor> copies) {
    int weights = groups.stream().mapToInt(g -> g.parameters().size()).sum();
    long[] addresses = new long[groups.size() + ARRAYS * weights];
    int at = 0;
    for (AdamWGroup group : groups) {
      addresses[at++] = group.step().address();
      for (int i = 0; i < group.parameters().size(); i++) {
        Tensor copy = copies.get(group.parameters().get(i));
        addresses[at++] = group.parameters().get(i).address();
        addresses[at++] = group.gradients().get(i).address();
        addresses[at++] = group.means().get(i).address();
        addresses[at++] = group.squares().get(i).address();
        addresses[at++] = copy == null ? 0 : copy.address();
      }
    }
    return addresses;
  }

  private static void addPieces(List<Long> rows, long[] arrays, long size, long group) {
    for (long start = 0; start < size; start += PIECE) {
      for (int i = 0; i < ARRAYS; i++) {
        long width = i == ARRAYS - 1 ? 2 : 4; // the copy is BFLOAT16
        rows.add(arrays[i] == 0 ? 0 : arrays[i] + width * start);
      }
      rows.add(Math.min(PIECE, size - start));
      rows.add(group);
    }
  }

  @Override
  public void close() {
    for (Tensor tensor : new Tensor[] {table, groupTable, sums, plan}) {
      if (tensor != null) {
        tensor.close();
      }
    }
    addresses = new long[0];
  }
}
