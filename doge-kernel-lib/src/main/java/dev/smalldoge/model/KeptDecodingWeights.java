package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;

/**
 * Keeps the decoding copy of a model's weights from one decoder to the next while they stay as they
 * are. While they train, each decoder makes and closes a copy of its own, so that none takes memory
 * between steps.
 */
final class KeptDecodingWeights implements AutoCloseable {
  private final ModelConfig config;
  private final Weights weights;
  private final Precision precision;
  private DecodingWeights kept;
  private long state;

  /** A decoder's weights, and what it calls when it is done with them. */
  record Borrowed(DecodingWeights weights, Runnable giveBack) {}

  KeptDecodingWeights(ModelConfig config, Weights weights, Precision precision) {
    this.config = config;
    this.weights = weights;
    this.precision = precision;
  }

  Borrowed borrow() {
    if (!weights.gradients().isEmpty()) {
      close();
      DecodingWeights own = new DecodingWeights(config, weights, precision);
      return new Borrowed(own, own::close);
    }
    long now = weights.state();
    if (kept == null || state != now) {
      close();
      kept = new DecodingWeights(config, weights, precision);
      state = now;
    }
    return new Borrowed(kept, () -> {});
  }

  @Override
  public void close() {
    if (kept != null) {
      kept.close();
      kept = null;
    }
  }
}
