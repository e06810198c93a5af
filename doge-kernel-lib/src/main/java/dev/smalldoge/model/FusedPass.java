package dev.smalldoge.model;

import dev.smalldoge.model.DogeForCausalLm.Loss;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.FusedKernels;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.RecordedPass;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * Forward, loss and backward of the micro-batches of one shape, or forward alone. The first are
 * launched kernel by kernel, the later ones are recorded and launched as one, or as two around a
 * loss that the caller computes; ids, labels and all else that differs from one to the next is
 * copied to where the kernels read it.
 */
final class FusedPass implements AutoCloseable {
  /** Passes before one is recorded: a shape that is used once or twice is not worth it. */
  private static final int PLAIN_PASSES = 2;

  private final FusedLayers layers;
  private final FusedKernels kernels;
  private final Operations operations;
  private final Tensor ids;
  private final Tensor labels;
  private final Tensor documents;
  private final Tensor visible;
  private final ModelInput input;
  private Optional<RecordedPass> recorded = Optional.empty();
  private List<Object> recordedWith = List.of();
  private boolean records = true;
  private boolean fails;
  private int plainPasses;
  private boolean hasDocuments;
  private boolean hides;

  FusedPass(FusedLayers layers, FusedKernels kernels, Operations operations) {
    this.layers = layers;
    this.kernels = kernels;
    this.operations = operations;
    int rows = layers.batch();
    int length = layers.length();
    ids = kept(operations.zeros(DType.INT64, rows, length));
    labels = kept(operations.zeros(DType.INT64, (long) rows * length));
    documents = kept(operations.zeros(DType.INT64, rows, length));
    visible = kept(ones());
    input =
        new ModelInput(ids, List.of(visible), false, List.of(documents), List.of(), rows, length);
  }

  private Tensor ones() {
    long[] ones = new long[layers.batch() * layers.length()];
    Arrays.fill(ones, 1);
    return operations.longs(ones, layers.batch(), layers.length());
  }

  private static Tensor kept(Tensor tensor) {
    return TensorScope.release(tensor);
  }

  /** Whether passes may be recorded from here on. */
  void record(boolean on) {
    records = on;
  }

  /** Bytes that what is recorded works in. */
  long recordedBytes() {
    return recorded.map(RecordedPass::bytes).orElse(0L);
  }

  /** Whether the next pass is launched as one, if nothing that was recorded changes. */
  boolean isRecorded() {
    return recorded.isPresent();
  }

  /**
   * Runs a pass, which adds to all gradients.
   *
   * @param wanted labels (B, T), as the ids
   * @param scale factor of the loss's gradient
   * @param rotary prepared for this length
   * @param hits whether hits are counted
   */
  Loss run(ModelInput batch, Tensor wanted, double scale, RotaryEmbedding rotary, boolean hits) {
    take(batch, wanted);
    layers.scale(scale);
    Tensor cos = rotary.cos(0, batch.length());
    Tensor sin = rotary.sin(0, batch.length());
    Runnable pass =
        () -> {
          Tensor hidden = layers.forward(input, cos, sin);
          backward(layers.head(hidden, labels, hits), cos, sin);
        };
    prepare(List.of(pass), List.of(kernels.addressOf(cos), kernels.addressOf(sin), hits));
    launch(0, pass);
    Tensor[] sums = layers.sums(hits);
    return new Loss(sums[0], null, sums[1]);
  }

  /**
   * Runs a pass whose loss the caller computes, and adds to all gradients.
   *
   * @param wanted labels (B, T), as the ids
   * @param derivative from the labels' log-probabilities to the loss's derivative by each, both
   *     FLOAT32 (N)
   * @param rotary prepared for this length
   */
  void run(
      ModelInput batch, Tensor wanted, UnaryOperator<Tensor> derivative, RotaryEmbedding rotary) {
    take(batch, wanted);
    Tensor cos = rotary.cos(0, batch.length());
    Tensor sin = rotary.sin(0, batch.length());
    Runnable forward = () -> layers.score(layers.forward(input, cos, sin), labels, false);
    Runnable backward = () -> backward(layers.scoreBackward(labels), cos, sin);
    prepare(List.of(forward, backward), List.of(kernels.addressOf(cos), kernels.addressOf(sin)));
    launch(0, forward);
    layers.derive(derivative);
    launch(1, backward);
  }

  /**
   * Runs a forward pass alone, whose {@linkplain FusedLayers#scores scores} are good until the next
   * pass of whatever kind.
   *
   * @param wanted labels (B, T), as the ids
   * @param rotary prepared for this length
   * @param hits whether hits are counted
   */
  void score(ModelInput batch, Tensor wanted, RotaryEmbedding rotary, boolean hits) {
    take(batch, wanted);
    Tensor cos = rotary.cos(0, batch.length());
    Tensor sin = rotary.sin(0, batch.length());
    Runnable pass =
        () -> {
          layers.score(layers.forward(input, cos, sin), labels, hits);
          layers.forget();
        };
    prepare(List.of(pass), List.of(kernels.addressOf(cos), kernels.addressOf(sin), hits));
    launch(0, pass);
  }

  private void backward(Tensor gradient, Tensor cos, Tensor sin) {
    layers.backward(input, gradient, List.of(), cos, sin, DogeForCausalLm.NOBODY);
  }

  /**
   * Records the parts of a pass when it has come often enough.
   *
   * @param with what must not change while they are launched
   */
  private void prepare(List<Runnable> parts, List<Object> with) {
    if (recorded.isPresent() && !with.equals(recordedWith)) {
      forget();
    }
    layers.refresh();
    if (recorded.isEmpty() && records && !fails && plainPasses++ >= PLAIN_PASSES) {
      recorded = kernels.record(parts);
      fails = recorded.isEmpty();
      recordedWith = with;
    }
  }

  private void launch(int part, Runnable plainly) {
    recorded.ifPresentOrElse(pass -> pass.launch(part), plainly);
  }

  /** Copies what the kernels read. A batch without documents has one a row, all of it visible. */
  private void take(ModelInput batch, Tensor wanted) {
    operations.copyInto(ids, batch.inputIds());
    operations.copyInto(labels, operations.head().nextLabels(wanted));
    if (!batch.documents().isEmpty()) {
      operations.copyInto(documents, batch.documents().get(0));
    } else if (hasDocuments) {
      operations.zero(List.of(documents));
    }
    hasDocuments = !batch.documents().isEmpty();
    if (!batch.keyMask().isEmpty()) {
      operations.copyInto(visible, batch.keyMask().get(0));
    } else if (hides) {
      operations.copyInto(visible, ones());
    }
    hides = !batch.keyMask().isEmpty();
  }

  private void forget() {
    recorded.ifPresent(RecordedPass::close);
    recorded = Optional.empty();
    plainPasses = 0;
  }

  @Override
  public void close() {
    forget();
    List.of(ids, labels, documents, visible).forEach(Tensor::close);
  }
}
