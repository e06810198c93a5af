package dev.smalldoge.torch;

import ai.djl.engine.EngineException;
import dev.smalldoge.config.DogeException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

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

  /** Width of a folded query or key: a head, its bias and its document, in steps of 16. */
  public static final int FOLDED_WIDTH = 144;

  /** Documents of a row that bf16 can number exactly. */
  public static final int MOST_DOCUMENTS = 256;

  private static final AtomicLong LAUNCHES = new AtomicLong();
  private static final int OLDEST_ARCHITECTURE = 80;
  private static final int THREADS = 256;
  private static final int ROWS_PER_BLOCK = 8;
  private static final double SCALE = Math.pow(HEAD_WIDTH, -0.5);

  private final Operations operations;
  private final int hidden;
  private final int heads;
  private final int groups;
  private final int processors;
  private final long context;
  private final CudaProgram program;
  private final CuBlas blas;
  private final CudaArguments arguments = new CudaArguments();
  private final Tensor normPartials;
  private final Tensor foldPartials;

  private FusedKernels(Operations operations, int hidden, int heads, int groups) {
    this.operations = operations;
    this.hidden = hidden;
    this.heads = heads;
    this.groups = groups;
    int device = operations.device().index();
    this.context = Cuda.context(device);
    Cuda.makeCurrent(context);
    int architecture = Cuda.architecture(device);
    if (architecture < OLDEST_ARCHITECTURE) {
      throw new DogeException(
          "compute capability "
              + architecture
              + " has no bf16 arithmetic; the fused kernels need 80 or later");
    }
    this.processors = Cuda.multiprocessors(device);
    Map<String, Integer> constants = new LinkedHashMap<>();
    constants.put("HIDDEN", hidden);
    constants.put("HEADS", heads);
    constants.put("GROUPS", groups);
    this.program = new CudaProgram(architecture, constants);
    this.blas = new CuBlas();
    this.normPartials = scratch(normBlocks() * 2L * hidden);
    this.foldPartials = scratch((long) processors * (heads + 2 * groups) * sums());
  }

  /**
   * The kernels for one model shape.
   *
   * @return empty where the device or its libraries cannot run them, which is said on stderr
   */
  public static Optional<FusedKernels> of(
      Operations operations, int hidden, int heads, int groups) {
    if (!operations.device().isGpu() || hidden % 256 != 0 || hidden > 2048 || groups > 8) {
      return Optional.empty();
    }
    try {
      FusedKernels kernels = new FusedKernels(operations, hidden, heads, groups);
      kernels.tryAttention();
      return Optional.of(kernels);
    } catch (DogeException | EngineException | LinkageError e) {
      System.err.println(
          "Training runs without the fused kernels, about half as fast: " + e.getMessage());
      return Optional.empty();
    }
  }

  /** cuDNN learned keys wider than values in 2025; an older one refuses here and not in a step. */
  private void tryAttention() {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Tensor q = operations.zeros(DType.BFLOAT16, 1, 128, heads, FOLDED_WIDTH);
      Tensor k = operations.zeros(DType.BFLOAT16, 1, 128, groups, FOLDED_WIDTH);
      Tensor qkv = operations.zeros(DType.BFLOAT16, 1, 128, heads + 2L * groups, HEAD_WIDTH);
      Attended attended = attend(q, k, qkv);
      attendBackward(attended.out, q, k, qkv, attended);
    }
  }

  private Tensor scratch(long elements) {
    return TensorScope.release(operations.zeros(DType.FLOAT32, elements));
  }

  private int normBlocks() {
    return 2 * processors;
  }

  private int sums() {
    return Math.max(groups, 2) * HEAD_WIDTH;
  }

  /** Uninitialised memory of a type. */
  public Tensor empty(DType type, long... shape) {
    return operations.empty(type, shape);
  }

  /** Where a tensor's elements begin, for tables of pieces. */
  public long addressOf(Tensor tensor) {
    return tensor.address();
  }

  /** Makes this device current on the calling thread; once before a step's first launch. */
  public void enter() {
    Cuda.makeCurrent(context);
  }

  private void launch(String kernel, long blocksX, int blocksY, int threads, Object... values) {
    LAUNCHES.incrementAndGet();
    Cuda.launch(
        program.function(kernel), Math.toIntExact(blocksX), blocksY, threads, arguments.of(values));
  }

  private static long blocks(long rows) {
    return (rows + ROWS_PER_BLOCK - 1) / ROWS_PER_BLOCK;
  }

  /** What one {@link #addNorm} computes: the sum (N, d), its norm (N, d), 1/rms (N) FLOAT32. */
  public record Normed(Tensor sum, Tensor normed, Tensor inverse) {}

  /** sum = table row of each id (N); normed = its RMSNorm by weight (d). */
  public void embedNorm(
      Tensor table, Tensor ids, Tensor weight, Normed out, long rows, double eps) {
    addNorm(table, ids, null, null, weight, out, rows, eps);
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
    launch(
        "add_norm",
        blocks(rows),
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
    launch(
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
    launch(
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

  /** Weights that a fold works with, all FLOAT32; also a set of their gradients. */
  public record FoldWeights(Tensor queryNorm, Tensor keyNorm, Tensor dtProjection, Tensor a) {}

  /** Rotary tables (T, 128) FLOAT32, and at most one array (N) INT64 of document numbers. */
  public record Positions(Tensor cosines, Tensor sines, Tensor documents, Tensor visible) {}

  /** A token's queries and keys as attention takes them, and dt before softplus, FLOAT32. */
  public record Folded(Tensor queries, Tensor keys, Tensor raw) {}

  /** Normalises, rotates and folds the queries and keys of qkv (N, (H + 2G) · 128). */
  public void fold(
      Tensor qkv,
      FoldWeights weights,
      Positions positions,
      Folded out,
      long rows,
      long length,
      double eps) {
    launch(
        "fold",
        blocks(rows * (heads + groups)),
        1,
        THREADS,
        qkv,
        weights.queryNorm,
        weights.keyNorm,
        positions.cosines,
        positions.sines,
        weights.dtProjection,
        weights.a,
        positions.documents,
        positions.visible,
        out.queries,
        out.keys,
        out.raw,
        rows,
        length,
        eps);
  }

  /** The way back: gradients of folded queries, keys and of values to that of qkv. */
  public void foldBackward(
      Tensor[] gradients,
      Tensor qkv,
      Folded saved,
      FoldWeights weights,
      Positions positions,
      Tensor dqkv,
      FoldWeights weightGradients,
      long rows,
      long length,
      double eps) {
    long blocks = Math.min(blocks(length), processors);
    launch(
        "fold_backward",
        blocks,
        heads + 2 * groups,
        THREADS,
        gradients[0],
        gradients[1],
        gradients[2],
        qkv,
        saved.raw,
        weights.queryNorm,
        weights.keyNorm,
        positions.cosines,
        positions.sines,
        weights.dtProjection,
        weights.a,
        dqkv,
        foldPartials,
        rows,
        length,
        eps);
    launch(
        "fold_sums",
        sums() / 32,
        heads + 2 * groups,
        THREADS,
        foldPartials,
        blocks,
        weightGradients.queryNorm,
        weightGradients.keyNorm,
        weightGradients.a,
        weightGradients.dtProjection);
  }

  /** Attention's result (B, T, H, 128) and what its way back needs. */
  public record Attended(Tensor out, Tensor normalizer, Tensor seed, Tensor offset) {
    /** Gives the memory back. */
    public void close() {
      out.close();
      normalizer.close();
      seed.close();
      offset.close();
    }
  }

  /** Causal attention of folded queries and keys (B, T, heads, 144) over the values in qkv. */
  public Attended attend(Tensor queries, Tensor keys, Tensor qkv) {
    LAUNCHES.incrementAndGet();
    Tensor[] parts = operations.attendFused(queries, keys, qkv, SCALE);
    return new Attended(parts[0], parts[1], parts[2], parts[3]);
  }

  /** Gradients of folded queries, folded keys and values, given that of the result. */
  public Tensor[] attendBackward(
      Tensor gradient, Tensor queries, Tensor keys, Tensor qkv, Attended attended) {
    LAUNCHES.incrementAndGet();
    return operations.attendFusedBackward(gradient, queries, keys, qkv, attended, SCALE);
  }

  /** silu(gate) · up (N, I) of gate and up side by side (N, 2I). */
  public void swiglu(Tensor both, Tensor out, long rows, long width) {
    launch("swiglu", elementBlocks(rows * width / 8), 1, THREADS, both, out, rows, width);
  }

  /** Overwrites {@code both} with its gradient, and {@code dout} with the product itself. */
  public void swigluBackward(Tensor both, Tensor dout, long rows, long width) {
    launch("swiglu_backward", elementBlocks(rows * width / 8), 1, THREADS, both, dout, rows, width);
  }

  private long elementBlocks(long threads) {
    return Math.min((threads + THREADS - 1) / THREADS, 8L * processors);
  }

  /**
   * Loss and gradient of logits (n, V) against labels, in place.
   *
   * @param losses FLOAT32 (N), of which n from {@code start} are written, in nats
   */
  public void crossEntropy(
      Tensor logits, Tensor labels, Tensor losses, long start, int n, long vocab, double scale) {
    launch(
        "cross_entropy",
        n,
        1,
        512,
        logits,
        labels.address() + 8 * start,
        losses.address() + 4 * start,
        vocab,
        scale);
  }

  /** gradient (V, d) FLOAT32 += rows of dx (N, d) by id, but for the padding token. */
  public void embedBackward(Tensor dx, Tensor ids, Tensor gradient, long rows, long padding) {
    launch("embed_backward", blocks(rows), 1, THREADS, dx, ids, gradient, rows, padding);
  }

  /** Rounds the FLOAT32 pieces that the table (P, 3) INT64 names to BFLOAT16. */
  public void roundPieces(Tensor table, long pieces) {
    launch("round_pieces", pieces, 1, THREADS, table);
  }

  /** y (n, out) = x (n, in) · weight (out, in) transposed. */
  public void linear(Tensor x, Tensor weight, Tensor y, int n, int in, int out) {
    LAUNCHES.incrementAndGet();
    blas.forward(x.address(), weight.address(), y.address(), n, in, out);
  }

  /** dx (n, in) = dy (n, out) · weight (out, in). */
  public void linearBackward(Tensor dy, Tensor weight, Tensor dx, int n, int in, int out) {
    LAUNCHES.incrementAndGet();
    blas.backward(dy.address(), weight.address(), dx.address(), n, in, out);
  }

  /** dweight (out, in) FLOAT32 += dy (n, out) transposed · x (n, in). */
  public void addWeightGradient(Tensor dy, Tensor x, Tensor dweight, int n, int in, int out) {
    LAUNCHES.incrementAndGet();
    blas.addWeightGradient(dy.address(), x.address(), dweight.address(), n, in, out);
  }

  /**
   * Sum of nats of hidden states (N, d) against labels (N), and its gradients, by chunks of tokens.
   *
   * @param weight (V, d)
   * @param logits room for a chunk, (chunk, V)
   * @param losses room for (N) FLOAT32
   * @param gradient of the hidden states, overwritten
   * @param dweight FLOAT32 (V, d), added to
   * @return the sum, FLOAT64
   */
  public Tensor headLoss(
      Tensor hiddenStates,
      Tensor weight,
      Tensor labels,
      double scale,
      Tensor logits,
      Tensor losses,
      Tensor gradient,
      Tensor dweight) {
    int n = Math.toIntExact(losses.size());
    int chunk = Math.toIntExact(logits.shape()[0]);
    int vocab = Math.toIntExact(logits.shape()[1]);
    for (int start = 0; start < n; start += chunk) {
      int rows = Math.min(chunk, n - start);
      long at = 2L * start * hidden;
      long h = hiddenStates.address() + at;
      LAUNCHES.incrementAndGet();
      blas.forward(h, weight.address(), logits.address(), rows, hidden, vocab);
      crossEntropy(logits, labels, losses, start, rows, vocab, scale);
      LAUNCHES.incrementAndGet();
      blas.backward(
          logits.address(), weight.address(), gradient.address() + at, rows, hidden, vocab);
      LAUNCHES.incrementAndGet();
      blas.addWeightGradient(logits.address(), h, dweight.address(), rows, hidden, vocab);
    }
    return operations.wideSum(losses);
  }

  /** Kernels and matrix products launched by this process; attention counts as one. */
  public static long launches() {
    return LAUNCHES.get();
  }

  /** Bytes of a device that are taken, by this process and others. */
  public static long usedBytes(Device device) {
    Cuda.makeCurrent(Cuda.context(device.index()));
    long[] memory = Cuda.memory();
    return memory[1] - memory[0];
  }
}
