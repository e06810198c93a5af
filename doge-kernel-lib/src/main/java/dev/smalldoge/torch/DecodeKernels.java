package dev.smalldoge.torch;

import ai.djl.engine.EngineException;
import dev.smalldoge.config.DogeException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The named operations of one decoding step on a GPU, in our own kernels, over memory of their own
 * that is taken once: B rows, d hidden width, H query heads, G key/value heads, D head width, I
 * inner width, V vocabulary. Weights are BFLOAT16 as {@link GenerationOperations#decodingLayer}
 * lays them out unmirrored, sums FLOAT32, the stream between layers BFLOAT16.
 *
 * <p>They are called while a graph is {@linkplain #record recorded}. Every row's position and the
 * token it has chosen stay on the device, so the same graph serves every step.
 */
public final class DecodeKernels implements AutoCloseable {
  /** End tokens that a generation may have. */
  public static final int MOST_ENDS = 64;

  private static final List<String> PARTS =
      List.of("decode", "decode-attention", "decode-head", "decode-draw");
  private static final int STRIPE = 16;
  private static final int HEAD_STRIPES = 8;
  private static final int KEYS_OF_BLOCK = 256;
  private static final int MOST_SHARING = 16;
  private static final int OVERLAPPING_ARCHITECTURE = 90;

  /**
   * What the kernels are made for.
   *
   * @param rows of the batch
   * @param capacity tokens of a row that fit the cache
   * @param slidingWindow keys that a query sees at most; 0 for all
   */
  public record Shape(
      int hidden,
      int inner,
      int heads,
      int groups,
      int vocab,
      int rows,
      int capacity,
      int slidingWindow,
      double eps) {
    int width() {
      return hidden / heads;
    }

    /** Rows of what products read: whole tiles for every block. */
    long paddedRows() {
      return DecodeGrid.paddedRows(rows);
    }

    /** Columns of the fused projection. */
    int projected() {
      return (heads + 2 * groups) * width() + groups;
    }

    /** Distance of its rows. */
    int projectedPitch() {
      return (projected() + 3) / 4 * 4;
    }

    int headBlocks() {
      return DecodeGrid.blocks(vocab, STRIPE * HEAD_STRIPES);
    }
  }

  private final Operations operations;
  private final Shape shape;
  private final CudaKernels kernels;
  private final int sharing;
  private final boolean overlapping;
  private final DecodeGrid projectGrid;
  private final DecodeGrid addGrid;
  private final DecodeGrid gateGrid;
  private final DecodeGrid headGrid;
  private final LateTokens written;
  private final DecodeDraws draws;
  private final List<Tensor> owned = new ArrayList<>();
  private final Tensor stream;
  private final Tensor squares;
  private final Tensor projected;
  private final Tensor attended;
  private final Tensor inner;
  private final Tensor partial;
  private final Tensor arrived;
  private final Tensor states;
  private final Tensor rules;
  private final Tensor padding;
  private final Tensor values;
  private final Tensor ids;
  private final Tensor logits;
  private CudaGraph.Recorder recorder;

  private DecodeKernels(Operations operations, Shape shape) {
    this.operations = operations;
    this.shape = shape;
    Device device = operations.device();
    int processors = Cuda.multiprocessors(device.index());
    projectGrid = grid(DecodeGrid.blocks(shape.projected(), STRIPE), processors);
    addGrid = grid(shape.hidden / STRIPE, processors);
    gateGrid = grid(shape.inner / 8, processors);
    headGrid = grid(shape.headBlocks(), processors);
    Map<String, Integer> constants = new LinkedHashMap<>();
    constants.put("HIDDEN", shape.hidden);
    constants.put("HEADS", shape.heads);
    constants.put("GROUPS", shape.groups);
    constants.put("WIDTH", shape.width());
    constants.put("INNER", shape.inner);
    constants.put("PROJECT_TILES", projectGrid.tiles());
    constants.put("ADD_TILES", addGrid.tiles());
    constants.put("GATE_TILES", gateGrid.tiles());
    constants.put("HEAD_TILES", headGrid.tiles());
    constants.put("VOCAB", shape.vocab);
    kernels = new CudaKernels(device, PARTS, constants);
    overlapping = Cuda.architecture(device.index()) >= OVERLAPPING_ARCHITECTURE;
    int fill = 2 * processors / (shape.rows * shape.groups);
    int most = Math.min(MOST_SHARING, DecodeGrid.blocks(shape.capacity, KEYS_OF_BLOCK));
    sharing = Math.max(1, Math.min(fill, most));
    long rows = shape.paddedRows();
    stream = zeros(DType.BFLOAT16, rows, shape.hidden);
    squares = zeros(DType.FLOAT32, rows, shape.hidden / STRIPE);
    projected = zeros(DType.FLOAT32, shape.rows, shape.projectedPitch());
    attended = zeros(DType.BFLOAT16, rows, shape.hidden);
    inner = zeros(DType.BFLOAT16, rows, shape.inner);
    partial = zeros(DType.FLOAT32, (long) shape.rows * shape.heads, sharing, shape.width() + 2);
    arrived = zeros(DType.INT64, (long) shape.rows * shape.groups);
    states = zeros(DType.INT64, shape.rows, 4);
    rules = zeros(DType.INT64, 3 + MOST_ENDS);
    padding = zeros(DType.INT64, shape.rows);
    values = zeros(DType.FLOAT32, shape.rows, shape.headBlocks());
    ids = zeros(DType.INT64, shape.rows, shape.headBlocks());
    logits = zeros(DType.FLOAT32, shape.rows, shape.vocab);
    written = new LateTokens(shape.rows, shape.capacity);
    draws = new DecodeDraws(operations, shape.rows, shape.capacity);
  }

  /**
   * The kernels for one shape.
   *
   * @return empty where the device or its libraries cannot run them, which is said on stderr
   */
  public static Optional<DecodeKernels> of(Operations operations, Shape shape) {
    try (GradMode off = GradMode.off()) {
      return Optional.of(new DecodeKernels(operations, shape));
    } catch (DogeException | EngineException | LinkageError e) {
      System.err.println(
          "Decoding runs without the fused kernels, many times slower: " + e.getMessage());
      return Optional.empty();
    }
  }

  /** Whether there are kernels for these widths. */
  public static boolean fit(int hidden, int inner, int heads, int groups) {
    int width = hidden / heads;
    return hidden % 32 == 0
        && inner % 32 == 0
        && (width == 32 || width == 64 || width == 128)
        && heads / groups <= 8;
  }

  private DecodeGrid grid(int columns, int processors) {
    return DecodeGrid.of(columns, shape.rows, processors);
  }

  private Tensor zeros(DType type, long... lengths) {
    Tensor tensor = TensorScope.release(operations.zeros(type, lengths));
    owned.add(tensor);
    return tensor;
  }

  /** What the recorded steps have written. */
  public LateTokens written() {
    return written;
  }

  /** How the recorded steps that draw do it. */
  public DecodeDraws draws() {
    return draws;
  }

  /** Logits (B, V) FLOAT32 of the last step that {@link #findLogits} ended. */
  public Tensor logits() {
    return logits;
  }

  /** Makes this device current on the calling thread; once before the launches of a step. */
  public void enter() {
    kernels.enter();
  }

  /** Records what the operations called by {@code step} do. */
  public CudaGraph record(Runnable step) {
    return CudaGraph.of(
        operations.device().index(),
        overlapping,
        to -> {
          recorder = to;
          try {
            step.run();
          } finally {
            recorder = null;
          }
        });
  }

  /** Sets the padding (B) before each row. */
  public void pad(Tensor tokensOfPadding) {
    operations.copyInto(padding, tokensOfPadding);
  }

  /**
   * Sets how texts that the device writes end.
   *
   * @param ends the end tokens, which may be chosen from {@code minNewTokens} on
   * @param pad what a row writes after its end
   */
  public void rule(int minNewTokens, int pad, List<Integer> ends) {
    long[] values = new long[3 + MOST_ENDS];
    values[0] = minNewTokens;
    values[1] = pad;
    values[2] = ends.size();
    for (int i = 0; i < ends.size(); i++) {
      values[3 + i] = ends.get(i);
    }
    try (Tensor fresh = operations.longs(values, values.length)) {
      operations.copyInto(rules, fresh);
    }
  }

  /** Begins a step now, unrecorded: tokens (B) INT64 stand at {@code position} of the cache. */
  public void begin(Tensor embedding, Tensor tokens, int position) {
    kernels.launch(
        "begin",
        shape.rows,
        1,
        CudaKernels.THREADS,
        embedding,
        tokens,
        padding,
        rules,
        states,
        stream,
        squares,
        written.address(),
        written.columns(),
        position);
  }

  private void launch(String kernel, DecodeGrid grid, Object... arguments) {
    launch(kernel, grid.columns(), grid.rowBlocks(shape.rows), arguments);
  }

  private void launch(String kernel, int gridX, int gridY, Object... arguments) {
    recorder.launch(kernels.function(kernel), gridX, gridY, CudaKernels.THREADS, arguments);
  }

  /** The normed stream times the fused projection. */
  public void project(Tensor weight) {
    launch("project", projectGrid, weight, stream, squares, projected, shape.rows, shape.eps);
  }

  /**
   * Appends keys, values and biases to a layer's cache, and attends.
   *
   * @param headNorms (L, 1, H + G, D) FLOAT32 of all layers, with the scale of the scores
   * @param cosines and {@code sines}: the rotary tables (capacity, D)
   * @param cache keys, values (B, G, capacity, D), biases (B, G, capacity) FLOAT32
   */
  public void attend(
      Tensor headNorms,
      int layer,
      Tensor minusA,
      Tensor cosines,
      Tensor sines,
      List<Tensor> cache) {
    long ofLayer = (long) Float.BYTES * (shape.heads + shape.groups) * shape.width();
    launch(
        "attend",
        sharing,
        shape.rows * shape.groups,
        projected,
        headNorms.address() + layer * ofLayer,
        minusA,
        cosines,
        sines,
        states,
        cache.get(0),
        cache.get(1),
        cache.get(2),
        attended,
        partial,
        arrived,
        shape.capacity,
        shape.slidingWindow,
        shape.eps);
  }

  /** stream = residual · stream + weight · attended. */
  public void addAttention(Tensor weight, Tensor residual) {
    add("add_attention", weight, attended, residual, null);
  }

  /** The gated product of the normed stream. */
  public void gateUp(Tensor weight) {
    launch("gate_up", gateGrid, weight, stream, squares, inner, shape.rows, shape.eps);
  }

  /**
   * stream = residual · stream + weight · gated product.
   *
   * @param finalNorm weight (d) of the norm before the head, in the last layer; else null
   */
  public void addMlp(Tensor weight, Tensor residual, Tensor finalNorm) {
    add("add_mlp", weight, inner, residual, finalNorm);
  }

  private void add(String kernel, Tensor weight, Tensor input, Tensor residual, Tensor scale) {
    launch(kernel, addGrid, weight, input, residual, scale, stream, squares, shape.rows);
  }

  /** Ends a step with its logits. */
  public void findLogits(Tensor head) {
    launch(
        "find_logits", headGrid, head, stream, squares, logits, shape.rows, shape.vocab, shape.eps);
  }

  /** Ends a step by writing each row's likeliest token, with which the next begins. */
  public void goOn(Tensor head, Tensor embedding) {
    launch(
        "find_likeliest",
        headGrid,
        head,
        stream,
        states,
        rules,
        values,
        ids,
        shape.rows,
        shape.vocab);
    launch(
        "go_on",
        shape.rows,
        1,
        embedding,
        values,
        ids,
        rules,
        states,
        stream,
        squares,
        written.address(),
        written.columns(),
        shape.headBlocks(),
        shape.vocab);
  }

  /** After {@link #findLogits}: draws each row's token and writes it, as {@link #goOn} does. */
  public void goOnDrawing(Tensor embedding) {
    recorder.launch(
        kernels.function("draw"),
        shape.rows,
        1,
        DecodeDraws.THREADS,
        embedding,
        logits,
        draws.noise(),
        draws.settings(),
        rules,
        states,
        stream,
        squares,
        written.address(),
        written.columns(),
        shape.rows);
  }

  @Override
  public void close() {
    enter();
    draws.close();
    written.close();
    owned.forEach(Tensor::close);
  }
}
