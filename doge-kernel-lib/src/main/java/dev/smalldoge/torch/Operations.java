package dev.smalldoge.torch;

import static dev.smalldoge.config.Checks.check;

import ai.djl.pytorch.jni.NativeTorch;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The named operations that models and optimizers are made of, on one device.
 *
 * <p>This is the only door to tensor arithmetic. Behind it stand TorchScript texts, and a faster
 * kernel can take a name's place without a change above. Shapes: {@code B} batch, {@code T}
 * sequence, {@code d} hidden width, {@code N} tokens, {@code V} vocabulary. Weights are FLOAT32 and
 * are cast to the type of the hidden states inside.
 */
public final class Operations {
  private static final Map<Device, Operations> LOADED = new ConcurrentHashMap<>();
  private static final Map<Device, Operations> CHOOSING_ON_HOST = new ConcurrentHashMap<>();

  /** DJL's numbers of the types that buffers come in. */
  private static final int FLOAT32 = 0;

  private static final int FLOAT64 = 1;

  private static final int INT64 = 6;

  private final Device device;
  private final Script script;

  /** Any tensor of this device: it tells scripts without tensor arguments where to work. */
  private final Tensor anchor;

  private Optional<PinnedUploads> uploads = Optional.empty();
  private boolean uploadsTried;

  Operations(Device device, boolean choicesOnHost) {
    this.device = device;
    this.script = new Script(device, choicesOnHost);
    this.anchor = TensorScope.release(floats(new float[1], 1));
  }

  /** The operations of a device; loaded once. */
  public static Operations on(Device device) {
    return LOADED.computeIfAbsent(device, d -> new Operations(d, false));
  }

  /**
   * The operations of a device, but of equal biases past {@code keepWindowSize} those stay that
   * libtorch keeps on the CPU. For comparisons with figures from there: its choice changes with the
   * number of keys, and waits for a GPU.
   */
  public static Operations choosingOnHost(Device device) {
    return CHOOSING_ON_HOST.computeIfAbsent(device, d -> new Operations(d, true));
  }

  /** Where results live. */
  public Device device() {
    return device;
  }

  /** The operations of generation, on the same device. */
  public GenerationOperations generation() {
    return new GenerationOperations(script);
  }

  /** The operations of a language model's head, on the same device. */
  public HeadOperations head() {
    return new HeadOperations(script);
  }

  /** The operations of an optimizer, on the same device. */
  public OptimizerOperations optimizer() {
    return new OptimizerOperations(script);
  }

  /** What the fused training step takes from libtorch, on the same device. */
  FusedOperations fused() {
    return new FusedOperations(script, anchor);
  }

  /** The operations of fine-tuning, on the same device. */
  public FineTuningOperations fineTuning() {
    return new FineTuningOperations(script);
  }

  String[] scriptNames() {
    return script.methodNames();
  }

  // Arrays

  /**
   * A FLOAT32 tensor with a copy of the values.
   *
   * @param values row-major, as many as the shape says
   */
  public Tensor floats(float[] values, long... shape) {
    return floats(FloatBuffer.wrap(values), shape);
  }

  /** A FLOAT32 tensor with a copy of what remains in the buffer. */
  public Tensor floats(FloatBuffer values, long... shape) {
    checkCount(values.remaining(), shape);
    ByteBuffer bytes = direct(values.remaining() * (long) Float.BYTES);
    bytes.asFloatBuffer().put(values.duplicate());
    Tensor tensor = new Tensor(fromBuffer(bytes, shape, FLOAT32), bytes);
    if (device.isGpu()) {
      return tensor;
    }
    // Into memory of libtorch's own alignment, on which the last bit of a matrix product depends.
    try (tensor) {
      return copyOf(tensor);
    }
  }

  /** libtorch would read past the end, or leave out the rest. */
  private static void checkCount(int count, long... shape) {
    long wanted = Arrays.stream(shape).reduce(1, Math::multiplyExact);
    check(
        count == wanted,
        "%,d values do not fill the shape %s, which holds %,d; give as many as its product",
        count,
        Arrays.toString(shape),
        wanted);
  }

  /** A FLOAT64 tensor with a copy of the values. */
  public Tensor doubles(double[] values, long... shape) {
    checkCount(values.length, shape);
    ByteBuffer bytes = direct(values.length * (long) Double.BYTES);
    bytes.asDoubleBuffer().put(values);
    return new Tensor(fromBuffer(bytes, shape, FLOAT64), bytes);
  }

  /** An INT64 tensor with a copy of the values. */
  public Tensor longs(long[] values, long... shape) {
    return longs(LongBuffer.wrap(values), shape);
  }

  /**
   * An INT64 tensor with a copy of what remains in the buffer; a direct one never is on the heap.
   */
  public Tensor longs(LongBuffer values, long... shape) {
    checkCount(values.remaining(), shape);
    LongBuffer source = values.duplicate();
    if (device.isGpu() && source.hasRemaining() && uploads().isPresent()) {
      Tensor tensor = fused().empty(DType.INT64, shape);
      uploads().get().upload(source, tensor);
      return tensor;
    }
    ByteBuffer bytes = direct(source.remaining() * (long) Long.BYTES);
    bytes.asLongBuffer().put(source);
    return new Tensor(fromBuffer(bytes, shape, INT64), bytes);
  }

  private synchronized Optional<PinnedUploads> uploads() {
    if (!uploadsTried) {
      uploadsTried = true;
      uploads = PinnedUploads.to(device);
    }
    return uploads;
  }

  private long fromBuffer(ByteBuffer bytes, long[] shape, int djlType) {
    return NativeTorch.fromBuffer(bytes, shape, djlType, device.code());
  }

  private static ByteBuffer direct(long bytes) {
    return ByteBuffer.allocateDirect(Math.toIntExact(bytes)).order(ByteOrder.nativeOrder());
  }

  /** Zeros of a type. */
  public Tensor zeros(DType type, long... shape) {
    return script.call("zeros", shape, type.code(), anchor);
  }

  /** FLOAT32 draws from N(0, deviation²) by the seed of {@link Torch#setSeed}. */
  public Tensor normal(double deviation, long... shape) {
    return script.call("normal", shape, deviation, anchor);
  }

  /** A copy with memory of its own. */
  public Tensor copyOf(Tensor x) {
    return script.call("copy_of", x);
  }

  /** The same values in another type; gradients flow through. */
  public Tensor cast(Tensor x, DType type) {
    return script.call("cast", x, type.code());
  }

  /** Zeros of the same shape, type and device. */
  public Tensor zerosLike(Tensor x) {
    return script.call("zeros_like", x);
  }

  /** Overwrites {@code target} with {@code source}, in place. */
  public void copyInto(Tensor target, Tensor source) {
    script.call("copy_into", target, source).close();
  }

  /** The same memory in another shape. */
  public Tensor view(Tensor x, long... shape) {
    return script.call("view", x, shape);
  }

  /** {@code count} rows of x from {@code start}, over the same memory. */
  public Tensor rows(Tensor x, long start, long count) {
    return script.call("rows", x, start, count);
  }

  /** Sets one row of x to zero, in place. */
  public void zeroRow(Tensor x, int row) {
    script.call("zero_row", x, row).close();
  }

  /** The last position of every row: (B, T, d) to (B, d). */
  public Tensor lastRows(Tensor x) {
    return script.call("last_rows", x);
  }

  /**
   * Adds the gradients of sum(xs[i] · seeds[i]) over all i to every parameter behind, in one pass.
   */
  public void backward(List<Tensor> xs, List<Tensor> seeds) {
    if (xs.size() == 1) {
      xs.get(0).backward(seeds.get(0));
      return;
    }
    try (Tensor sum = script.call("seeded_sum", xs, seeds);
        Tensor one = floats(new float[] {1})) {
      sum.backward(one);
    }
  }

  /** Makes sure that every parameter has a gradient array, of zeros where it had none. */
  public void createGradients(List<Tensor> parameters) {
    try (GradMode grad = GradMode.on();
        Tensor zero = script.call("zero_of_all", parameters);
        Tensor one = floats(new float[] {1})) {
      zero.backward(one);
    }
  }

  // Model

  /**
   * Hidden states (B, T, d) of token ids (B, T) in {@code type}; the row of {@code padTokenId} gets
   * no gradient.
   */
  public Tensor embed(Tensor ids, Tensor weight, int padTokenId, DType type) {
    return script.call("embed", ids, weight, padTokenId, type.code());
  }

  /** RMSNorm of (…, d) by weight (d). */
  public Tensor rmsNorm(Tensor x, Tensor weight, double eps) {
    return script.call("rms_norm", x, weight, eps);
  }

  /** x (…, d) times the transpose of weight (V, d). */
  public Tensor linear(Tensor x, Tensor weight) {
    return script.call("linear", x, weight);
  }

  /** What an attention block works with besides its input. */
  public record AttentionWeights(
      Tensor norm,
      Tensor residual,
      List<Tensor> projections,
      List<Tensor> biases,
      int heads,
      int groups,
      double eps,
      int keepWindow,
      int slidingWindow) {}

  /** residual · x + dropout(attention(norm(x))), (B, T, d). */
  public Tensor attentionBlock(
      Tensor x,
      AttentionWeights weights,
      Tensor cos,
      Tensor sin,
      AttentionMask mask,
      double attentionDropout,
      double hiddenDropout) {
    return script.call(
        "attention_block",
        x,
        weights.norm,
        weights.residual,
        weights.projections,
        weights.biases,
        cos,
        sin,
        weights.heads,
        weights.groups,
        weights.eps,
        mask.folded(),
        mask.keyMask(),
        mask.documents(),
        mask.bounds().stream().mapToLong(Long::longValue).toArray(),
        weights.keepWindow,
        weights.slidingWindow,
        attentionDropout,
        hiddenDropout);
  }

  /**
   * {@link #attentionBlock} over new tokens, with earlier ones in the cache, which it extends.
   *
   * @param cache keys and values (B, G, capacity, D) and biases (B, G, capacity)
   * @param position tokens already in the cache
   */
  public Tensor attentionBlockCached(
      Tensor x,
      AttentionWeights weights,
      Tensor cos,
      Tensor sin,
      List<Tensor> keyMask,
      List<Tensor> cache,
      int position) {
    return script.call(
        "attention_block_cached",
        x,
        weights.norm,
        weights.residual,
        weights.projections,
        weights.biases,
        cos,
        sin,
        weights.heads,
        weights.groups,
        weights.eps,
        keyMask,
        weights.keepWindow,
        weights.slidingWindow,
        cache,
        position);
  }

  /** residual · x + dropout(SwiGLU(norm(x))), (B, T, d); projections are gate, up, down. */
  public Tensor mlpBlock(
      Tensor x,
      Tensor norm,
      Tensor residual,
      List<Tensor> projections,
      List<Tensor> biases,
      double eps,
      double dropout) {
    return script.call("mlp_block", x, norm, residual, projections, biases, eps, dropout);
  }

  /**
   * {@link #mlpBlock} with experts beside the MLP.
   *
   * @param expertWeights router (2K, d), down and up embeddings (E, d)
   * @return the new hidden states, and the product scores (2, N, K) in FLOAT32
   */
  public Tensor[] expertsBlock(
      Tensor x,
      Tensor norm,
      Tensor residual,
      List<Tensor> projections,
      List<Tensor> biases,
      List<Tensor> expertWeights,
      int expertsPerToken,
      boolean normalize,
      boolean legacyRouting,
      double eps,
      double dropout) {
    return script.callTuple(
        "experts_block",
        x,
        norm,
        residual,
        projections,
        biases,
        expertWeights,
        expertsPerToken,
        normalize,
        legacyRouting,
        eps,
        dropout);
  }

  /** A router's output (N, 2K) as the scores of both product keys, (2, N, K). */
  public Tensor productScores(Tensor router) {
    return script.call("product_scores", router, false);
  }

  /** Load-balancing loss over the product scores of all layers; see the script for its form. */
  public Tensor loadBalancingLoss(
      List<Tensor> scores, int expertsPerToken, boolean sortedOrder, List<Tensor> tokenMask) {
    return script.call("load_balancing_loss", scores, expertsPerToken, sortedOrder, tokenMask);
  }

  /** Moves arrays of equal width into one, row after row; each becomes a view of its part. */
  public Tensor shareRows(List<Tensor> arrays) {
    arrays.forEach(Tensor::moved);
    return script.call("share_rows", arrays);
  }

  /** Sets every array to zero, in place. */
  public void zero(List<Tensor> arrays) {
    script.call("zero_all", arrays).close();
  }
}
