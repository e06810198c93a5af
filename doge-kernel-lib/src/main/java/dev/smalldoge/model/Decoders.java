package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.torch.DecodeKernels;
import java.util.Optional;

/**
 * Makes a model's decoders: fused ones where the kernels serve, else plain ones. Keeps what the
 * next one can use: weights as they are read, and the last fused decoder with its recorded steps,
 * unless its cache is large or the model trains.
 */
final class Decoders implements AutoCloseable {
  private static final int CAPACITY_STEP = 256;
  private static final long MOST_KEPT_BYTES = 256L << 20;

  private final DogeForCausalLm model;
  private final ModelConfig config;
  private final RotaryEmbedding rotary;
  private final KeptDecodingWeights plainWeights;
  private final KeptDecodingWeights fusedWeights;
  private boolean kernelsWork = true;
  private boolean fuses = true;
  private FusedDecoder kept;
  private boolean keptIsLent;

  Decoders(DogeForCausalLm model, RotaryEmbedding rotary) {
    this.model = model;
    this.config = model.config();
    this.rotary = rotary;
    boolean mirrored = model.operations().device().isGpu(); // see DecodingWeights
    this.plainWeights =
        new KeptDecodingWeights(config, model.weights(), model.precision(), mirrored);
    this.fusedWeights = new KeptDecodingWeights(config, model.weights(), model.precision(), false);
  }

  /** Whether fused decoders may be made. */
  void fuse(boolean on) {
    fuses = on;
  }

  /** A decoder of so many rows of at most {@code capacity} tokens, to be closed. */
  Decoder make(int rows, int capacity) {
    Optional<FusedDecoder> fused =
        fuses && kernelsWork && fits(capacity) ? fused(rows, capacity) : Optional.empty();
    return fused.isPresent()
        ? fused.get()
        : new PlainDecoder(model, plainWeights.borrow(), rotary, rows, capacity);
  }

  /** Whether the fused step computes so many tokens of this model, if the device can. */
  private boolean fits(int capacity) {
    return model.precision() == Precision.BFLOAT16
        && model.operations().device().isGpu()
        && !config.isMoe()
        && !config.attentionBias()
        && !config.mlpBias()
        && capacity <= config.keepWindowSize()
        && !rotary.growsAt(capacity)
        && DecodeKernels.fit(
            config.hiddenSize(),
            config.intermediateSize(),
            config.numAttentionHeads(),
            config.numKeyValueHeads());
  }

  private Optional<FusedDecoder> fused(int rows, int capacity) {
    KeptDecodingWeights.Borrowed borrowed = fusedWeights.borrow();
    if (kept != null && kept.weights() != borrowed.weights()) {
      freeKept(); // its steps read weights that are no more
    }
    if (kept != null && !keptIsLent && kept.serves(rows, capacity)) {
      keptIsLent = true;
      kept.rewind(0);
      return Optional.of(kept);
    }
    int room = room(capacity);
    Optional<DecodeKernels> kernels = kernels(rows, room);
    if (kernels.isEmpty()) {
      kernelsWork = false;
      borrowed.giveBack().run();
      return Optional.empty();
    }
    KeyValueCache cache = model.newCache(rows, room);
    FusedDecoder decoder =
        new FusedDecoder(model, borrowed, rotary, cache, kernels.get(), this::takeBack);
    if (borrowed.kept() && cache.bytes() <= MOST_KEPT_BYTES && !keptIsLent) {
      freeKept();
      kept = decoder;
      keptIsLent = true;
    }
    return Optional.of(decoder);
  }

  /** Capacity in steps, so that a text a little longer finds a decoder that serves. */
  private int room(int capacity) {
    int stepped = (capacity + CAPACITY_STEP - 1) / CAPACITY_STEP * CAPACITY_STEP;
    int most = Math.min(stepped, config.keepWindowSize());
    return rotary.growsAt(most) ? capacity : most;
  }

  private Optional<DecodeKernels> kernels(int rows, int capacity) {
    return DecodeKernels.of(
        model.operations(),
        new DecodeKernels.Shape(
            config.hiddenSize(),
            config.intermediateSize(),
            config.numAttentionHeads(),
            config.numKeyValueHeads(),
            config.vocabSize(),
            rows,
            capacity,
            config.slidingWindow(),
            config.rmsNormEps()));
  }

  private void takeBack(FusedDecoder decoder) {
    if (decoder == kept) {
      keptIsLent = false;
    } else {
      decoder.free();
    }
  }

  /** One that is lent frees itself when it comes back. */
  private void freeKept() {
    if (kept != null && !keptIsLent) {
      kept.free();
    }
    kept = null;
    keptIsLent = false;
  }

  @Override
  public void close() {
    freeKept();
    plainWeights.close();
    fusedWeights.close();
  }
}
