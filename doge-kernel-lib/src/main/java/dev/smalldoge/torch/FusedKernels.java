package dev.smalldoge.torch;

import ai.djl.engine.EngineException;
import dev.smalldoge.config.DogeException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The named operations of the fused training step on a GPU: our own kernels, cuBLAS and cuDNN's
 * attention, over arrays that the caller owns.
 *
 * <p>The step computes what the scripts of {@link Operations} compute, with bf16 arrays and fp32
 * sums, but every chain of small operations is one pass over memory, and gradients are written out
 * instead of recorded. N tokens, d hidden width, H query heads, G key/value heads, 128 wide each.
 * Arrays are BFLOAT16 unless their name says FLOAT32.
 */
public final class FusedKernels {
  /** The head width that the kernels are written for; all Doge models have it. */
  public static final int HEAD_WIDTH = 128;

  private static final List<String> PARTS = List.of("norm", "attention", "mlp", "head", "weights");
  private static final int THREADS = CudaKernels.THREADS;

  private final Operations operations;
  private final int hidden;
  private final CudaKernels kernels;
  private final CuBlas blas;
  private final Tensor normPartials;
  private final FusedAttention attention;
  private final FusedHead head;
  private final Optional<FusedExperts> experts;
  private final long deviceBytes;

  /**
   * What the kernels are made for.
   *
   * @param hidden width of the residual stream
   * @param heads query heads
   * @param groups key/value heads
   * @param keys product keys of a half of the router; 0 without experts
   * @param chosen experts of a token
   */
  public record Shape(int hidden, int heads, int groups, int keys, int chosen) {
    /** One without experts. */
    public Shape(int hidden, int heads, int groups) {
      this(hidden, heads, groups, 0, 0);
    }

    private List<String> parts() {
      return keys == 0 ? PARTS : Stream.concat(PARTS.stream(), Stream.of("experts")).toList();
    }

    private Map<String, Integer> constants() {
      Map<String, Integer> constants = new LinkedHashMap<>();
      constants.put("HIDDEN", hidden);
      constants.put("HEADS", heads);
      constants.put("GROUPS", groups);
      if (keys > 0) {
        constants.put("KEYS", keys);
        constants.put("CHOSEN", chosen);
      }
      return constants;
    }

    private boolean isServed() {
      return hidden % 256 == 0
          && hidden <= 2048
          && groups <= 8
          && keys % 4 == 0
          && keys <= FusedExperts.MOST_KEYS
          && chosen <= FusedExperts.MOST_CHOSEN;
    }
  }

  private FusedKernels(Operations operations, Shape shape) {
    this.operations = operations;
    this.hidden = shape.hidden;
    this.kernels = new CudaKernels(operations.device(), shape.parts(), shape.constants());
    this.blas = new CuBlas(operations);
    this.normPartials =
        TensorScope.release(operations.fused().empty(DType.FLOAT32, normBlocks() * 2L * hidden));
    this.attention = new FusedAttention(operations, kernels, shape.heads, shape.groups);
    this.head = new FusedHead(operations, kernels, blas, hidden);
    this.experts =
        shape.keys == 0
            ? Optional.empty()
            : Optional.of(
                new FusedExperts(operations, kernels, blas, hidden, shape.keys, shape.chosen));
    this.deviceBytes = Cuda.memory()[1];
  }

  /**
   * The kernels for one model shape.
   *
   * @return empty where the device or its libraries cannot run them, which is said on stderr
   */
  public static Optional<FusedKernels> of(Operations operations, Shape shape) {
    if (!operations.device().isGpu() || !shape.isServed()) {
      return Optional.empty();
    }
    try {
      FusedKernels kernels = new FusedKernels(operations, shape);
      kernels.attention.tryOut();
      return Optional.of(kernels);
    } catch (DogeException | EngineException | LinkageError e) {
      System.err.println(
          "Training runs without the fused kernels, several times slower: " + e.getMessage());
      return Optional.empty();
    }
  }

  /** Attention, and what stands around it. */
  public FusedAttention attention() {
    return attention;
  }

  /** The head's loss, and the embedding's gradient. */
  public FusedHead head() {
    return head;
  }

  /** Routing and experts, where the shape has them. */
  public Optional<FusedExperts> experts() {
    return experts;
  }

  private int normBlocks() {
    return 2 * kernels.processors();
  }

  /** Uninitialised memory of a type. */
  public Tensor empty(DType type, long... shape) {
    return operations.fused().empty(type, shape);
  }

  /** Where a tensor's elements begin, for tables of pieces. */
  public long addressOf(Tensor tensor) {
    return tensor.address();
  }

  /** Makes this device current on the calling thread; once before a step's first launch. */
  public void enter() {
    kernels.enter();
  }

  /**
   * Records what the parts of a pass launch by these operations and by libtorch, to be launched as
   * one each; nothing runs meanwhile. All that they read and write must stay where it is, or be
   * libtorch's for the pass alone, and they may not wait for the device.
   *
   * @return empty where that cannot be recorded, which is said on stderr
   */
  public Optional<RecordedPass> record(List<Runnable> parts) {
    try {
      return Optional.of(RecordedPass.of(operations, this::onto, parts));
    } catch (DogeException | EngineException | LinkageError e) {
      System.err.println("Training launches its kernels one by one: " + e.getMessage());
      return Optional.empty();
    }
  }

  /** Memory of the device in all. */
  public long deviceBytes() {
    return deviceBytes;
  }

  private void onto(long stream) {
    kernels.onto(stream);
    blas.onto(stream);
  }

  /** What one {@link #addNorm} computes: the sum (N, d), its norm (N, d), 1/rms (N) FLOAT32. */
  public record Normed(Tensor sum, Tensor normed, Tensor inverse) {}

  /** sum = table row of each id (N); normed = its RMSNorm by weight (d). */
  public void embedNorm(
      Tensor table, Tensor ids, Tensor weight, Normed out, long rows, double eps) {
    addNorm(table, ids, null, null, weight, out, rows, eps);
  }

  /** normed = RMSNorm by weight (d) of what already stands in sum. */
  public void norm(Normed out, Tensor weight, long rows, double eps) {
    addNorm(out.sum, null, null, null, weight, out, rows, eps);
  }

  /** sum = residual (d) · x + branch (N, d); normed = its RMSNorm by weight (d). */
  public void addNorm(
      Tensor x, Tensor residual, Tensor branch, Tensor weight, Normed out, long rows, double eps) {
    addNorm(x, null, residual, branch, weight, out, rows, eps);
  }

  private void addNorm(
      Tensor x,
      Tensor ids,
      Tensor residual,
      Tensor branch,
      Tensor weight,
      Normed out,
      long rows,
      double eps) {
    kernels.launch(
        "add_norm",
        CudaKernels.blocks(rows),
        1,
        THREADS,
        x,
        ids,
        residual,
        branch,
        weight,
        out.sum,
        out.normed,
        out.inverse,
        rows,
        eps);
  }

  /**
   * Gradient of a sum that went through its norm and, times {@code residual}, into the next sum.
   *
   * @param downstream gradient of the next sum; null, with residual and its gradient, after the
   *     last norm
   * @param dweight FLOAT32 gradient of the norm's weight, added to
   * @param dresidual FLOAT32 gradient of the residual vector, added to
   */
  public void addNormBackward(
      Tensor dnormed,
      Tensor downstream,
      Tensor residual,
      Normed saved,
      Tensor weight,
      Tensor dsum,
      Tensor dweight,
      Tensor dresidual,
      long rows) {
    long team = THREADS / (hidden / 8); // rows that a block works on at a time
    long blocks = Math.min((rows + 2 * team - 1) / (2 * team), normBlocks());
    kernels.launch(
        "add_norm_backward",
        blocks,
        1,
        Math.toIntExact(team * (hidden / 8)),
        dnormed,
        downstream,
        residual,
        saved.sum,
        saved.inverse,
        weight,
        dsum,
        normPartials,
        rows);
    kernels.launch(
        "add_partials",
        2L * hidden / 32,
        1,
        THREADS,
        normPartials,
        blocks,
        hidden,
        dweight,
        dresidual);
  }

  /** silu(gate) · up (N, I) of gate and up side by side (N, 2I). */
  public void swiglu(Tensor both, Tensor out, long rows, long width) {
    kernels.launch(
        "swiglu", kernels.elementBlocks(rows * width / 8), 1, THREADS, both, out, rows, width);
  }

  /** Overwrites {@code both} with its gradient, and {@code dout} with the product itself. */
  public void swigluBackward(Tensor both, Tensor dout, long rows, long width) {
    kernels.launch(
        "swiglu_backward",
        kernels.elementBlocks(rows * width / 8),
        1,
        THREADS,
        both,
        dout,
        rows,
        width);
  }

  /** Rounds the FLOAT32 pieces that the table (P, 3) INT64 names to BFLOAT16. */
  public void roundPieces(Tensor table, long pieces) {
    kernels.launch("round_pieces", pieces, 1, THREADS, table);
  }

  /** y (n, out) = x (n, in) · weight (out, in) transposed. */
  public void linear(Tensor x, Tensor weight, Tensor y, int n, int in, int out) {
    CudaKernels.count();
    blas.forward(x.address(), weight.address(), y.address(), n, in, out);
  }

  /** y (n, out) += x (n, in) · weight (out, in) transposed. */
  public void addLinear(Tensor x, Tensor weight, Tensor y, int n, int in, int out) {
    CudaKernels.count();
    blas.addForward(x.address(), weight.address(), y.address(), n, in, out);
  }

  /** dx (n, in) = dy (n, out) · weight (out, in). */
  public void linearBackward(Tensor dy, Tensor weight, Tensor dx, int n, int in, int out) {
    CudaKernels.count();
    blas.backward(dy.address(), weight.address(), dx.address(), n, in, out);
  }

  /** dx (n, in) += dy (n, out) · weight (out, in). */
  public void addLinearBackward(Tensor dy, Tensor weight, Tensor dx, int n, int in, int out) {
    CudaKernels.count();
    blas.addBackward(dy.address(), weight.address(), dx.address(), n, in, out);
  }

  /** dweight (out, in) FLOAT32 += dy (n, out) transposed · x (n, in). */
  public void addWeightGradient(Tensor dy, Tensor x, Tensor dweight, int n, int in, int out) {
    CudaKernels.count();
    blas.addWeightGradient(dy.address(), x.address(), dweight.address(), n, in, out);
  }

  /** Kernels and matrix products launched by this process; attention counts as one. */
  public static long launches() {
    return CudaKernels.launches();
  }

  /** Bytes of a device that are taken, by this process and others. */
  public static long usedBytes(Device device) {
    Cuda.makeCurrent(Cuda.context(device.index()));
    long[] memory = Cuda.memory();
    return memory[1] - memory[0];
  }
}
