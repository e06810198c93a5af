package dev.smalldoge.model;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.PackedMatrices;
import java.util.function.BooleanSupplier;

/**
 * Keeps the decoding copy of a model's weights from one decoder to the next while they stay as they
 * are. While they train, each decoder makes and closes a copy of its own, so that none takes memory
 * between steps.
 */
final class KeptDecodingWeights implements AutoCloseable {
  private final ModelConfig config;
  private final Weights weights;
  private final Precision precision;
  private final boolean mirrored;
  private DecodingWeights kept;
  private long state;

  /** A decoder's weights, whether they outlive it, and what it calls when it is done with them. */
  record Borrowed(
      DecodingWeights weights, boolean kept, BooleanSupplier current, Runnable giveBack) {
    /** Whether they are kept and still the model's. */
    boolean isCurrent() {
      return kept && current.getAsBoolean();
    }
  }

  KeptDecodingWeights(ModelConfig config, Weights weights, Precision precision, boolean mirrored) {
    Device device = weights.operations().device();
    check(
        !precision.packs() || PackedMatrices.serve(device),
        "fp16 weights are for an x86 CPU, and this model is on %s of %s; use fp32 or bf16",
        device,
        System.getProperty("os.arch"));
    this.config = config;
    this.weights = weights;
    this.precision = precision;
    this.mirrored = mirrored;
  }

  Borrowed borrow() {
    if (!weights.gradients().isEmpty()) {
      close();
      DecodingWeights own = new DecodingWeights(config, weights, precision, mirrored);
      return new Borrowed(own, false, () -> false, own::close);
    }
    long now = weights.state();
    if (kept == null || state != now) {
      close();
      kept = new DecodingWeights(config, weights, precision, mirrored);
      state = now;
    }
    return new Borrowed(
        kept, true, () -> weights.gradients().isEmpty() && weights.state() == now, () -> {});
  }

  @Override
  public void close() {
    if (kept != null) {
      kept.close();
      kept = null;
    }
  }
}
