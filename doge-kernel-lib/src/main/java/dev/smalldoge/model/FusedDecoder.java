package dev.smalldoge.model;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.model.KeptDecodingWeights.Borrowed;
import dev.smalldoge.torch.CudaGraph;
import dev.smalldoge.torch.DecodeDraws.Draws;
import dev.smalldoge.torch.DecodeKernels;
import dev.smalldoge.torch.GenerationOperations.DecodingArrays;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Decodes in kernels of our own, a whole step in one launch: five kernels a layer, and one or two
 * for the head. A step is recorded at its first use and serves every later one, of this text and
 * the next, for weights, cache and what the kernels work in stay where they are.
 */
final class FusedDecoder implements Decoder, TokenWriter {
  private final DogeForCausalLm model;
  private final Operations operations;
  private final DecodeKernels kernels;
  private final Borrowed borrowed;
  private final DecodingArrays arrays;
  private final KeyValueCache cache;
  private final Tensor cosines;
  private final Tensor sines;
  private final Consumer<FusedDecoder> takeBack;
  private Optional<CudaGraph> logitsStep = Optional.empty();
  private Optional<CudaGraph> greedyStep = Optional.empty();
  private Optional<CudaGraph> drawStep = Optional.empty();
  private CudaGraph writingStep;
  private int asked;

  /**
   * A decoder of the cache's rows and capacity, which owns the cache and the kernels.
   *
   * @param takeBack what {@link #close} calls, which keeps it or {@linkplain #free frees} it
   */
  FusedDecoder(
      DogeForCausalLm model,
      Borrowed borrowed,
      RotaryEmbedding rotary,
      KeyValueCache cache,
      DecodeKernels kernels,
      Consumer<FusedDecoder> takeBack) {
    this.model = model;
    this.operations = model.operations();
    this.kernels = kernels;
    this.borrowed = borrowed;
    this.arrays = borrowed.weights().arrays();
    this.cache = cache;
    this.takeBack = takeBack;
    int length = cache.capacity();
    try (TensorScope scope = new TensorScope()) {
      rotary.prepare(length);
      cosines = TensorScope.release(operations.copyOf(rotary.cos(0, length)));
      sines = TensorScope.release(operations.copyOf(rotary.sin(0, length)));
    }
  }

  @Override
  public void rewind(int tokens) {
    cache.rewind(tokens);
  }

  @Override
  public boolean isCurrent() {
    return borrowed.isCurrent();
  }

  DecodingWeights weights() {
    return borrowed.weights();
  }

  /** Whether it has so many rows, and room for so many tokens of each. */
  boolean serves(int rows, int tokens) {
    return cache.batchSize() == rows && cache.capacity() >= tokens;
  }

  @Override
  public Tensor read(Tensor inputIds, int... padding) {
    long[] tokens = new long[cache.batchSize()];
    Arrays.setAll(tokens, row -> padding.length == 0 ? 0 : padding[row]);
    try (Tensor fresh = operations.longs(tokens, tokens.length)) {
      kernels.pad(fresh);
    }
    return PromptReading.read(model, inputIds, cache, padding);
  }

  @Override
  public Tensor next(Tensor tokens) {
    cache.checkRoom(1);
    kernels.enter();
    if (logitsStep.isEmpty()) {
      logitsStep = Optional.of(kernels.record(this::recordLogits));
    }
    kernels.begin(embedding(), tokens, cache.position());
    logitsStep.get().launch();
    cache.advance(1);
    return operations.copyOf(kernels.logits());
  }

  @Override
  public Optional<TokenWriter> tokenWriter() {
    return Optional.of(this);
  }

  @Override
  public void begin(Tensor tokens, Ends ends, Optional<Draws> draws) {
    int count = ends.tokenIds().size();
    check(
        count <= MOST_ENDS,
        "%d end tokens are more than the %d that the device can watch for; give fewer",
        count,
        MOST_ENDS);
    kernels.enter();
    if (draws.isPresent()) {
      kernels.draws().set(draws.get());
      drawStep = Optional.of(drawStep.orElseGet(() -> kernels.record(this::recordDraw)));
    } else {
      greedyStep = Optional.of(greedyStep.orElseGet(() -> kernels.record(this::recordGreedy)));
    }
    writingStep = (draws.isPresent() ? drawStep : greedyStep).get();
    kernels.rule(ends.minNewTokens(), ends.padTokenId(), ends.tokenIds());
    kernels.written().restart();
    kernels.begin(embedding(), tokens, cache.position());
    asked = 1;
  }

  @Override
  public void write(int count) {
    cache.checkRoom(count);
    kernels.enter();
    for (int i = 0; i < count; i++) {
      writingStep.launch();
    }
    cache.advance(count);
    asked += count;
    kernels.written().mark(asked);
  }

  @Override
  public long[][] read() {
    return kernels.written().read();
  }

  private void recordLogits() {
    recordLayers();
    kernels.findLogits(arrays.shared().get(1));
  }

  private void recordGreedy() {
    recordLayers();
    kernels.goOn(arrays.shared().get(1), embedding());
  }

  private void recordDraw() {
    recordLayers();
    kernels.findLogits(arrays.shared().get(1));
    kernels.goOnDrawing(embedding());
  }

  private Tensor embedding() {
    return arrays.shared().get(0);
  }

  private void recordLayers() {
    Tensor finalNorm = arrays.shared().get(2);
    Tensor headNorms = arrays.shared().get(3);
    int each = DecodingWeights.PER_LAYER;
    int count = arrays.layers().size() / each;
    for (int i = 0; i < count; i++) {
      List<Tensor> layer = arrays.layers().subList(i * each, (i + 1) * each);
      kernels.project(layer.get(0));
      kernels.attend(headNorms, i, layer.get(1), cosines, sines, cache.layer(i));
      kernels.addAttention(layer.get(2), layer.get(3));
      kernels.gateUp(layer.get(4));
      kernels.addMlp(layer.get(5), layer.get(6), i == count - 1 ? finalNorm : null);
    }
  }

  @Override
  public void close() {
    takeBack.accept(this);
  }

  /** Gives the memory back, once the device is done. */
  void free() {
    kernels.close(); // waits for what was written ahead
    logitsStep.ifPresent(CudaGraph::close);
    greedyStep.ifPresent(CudaGraph::close);
    drawStep.ifPresent(CudaGraph::close);
    cosines.close();
    sines.close();
    cache.close();
    borrowed.giveBack().run();
  }
}
