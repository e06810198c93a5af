package dev.smalldoge.torch;

/**
 * What recorded decoding steps that draw their tokens read from the device, so that one recording
 * serves every setting and seed.
 */
public final class DecodeDraws implements AutoCloseable {
  /** Threads that share a row's tokens. */
  static final int THREADS = 1_024;

  private static final int SETTINGS = 4;

  private final Operations operations;
  private final Tensor settings;
  private final Tensor noise;

  /**
   * How tokens are drawn, as {@link GenerationOperations#chooseTokens} does it, but for equal
   * logits at the edge of what is kept, which stay together, and for which token a number picks.
   *
   * @param topK likeliest tokens that are kept; 0 for all
   * @param topP share of the probability that is kept; 1 for all
   * @param minP probability that is kept, as a part of the likeliest token's; 0 for all
   * @param noise (N, B) FLOAT32 in [0, 1), which picks the tokens of each column
   */
  public record Draws(int topK, double temperature, double topP, double minP, Tensor noise) {}

  DecodeDraws(Operations operations, int rows, int columns) {
    this.operations = operations;
    settings = TensorScope.release(operations.zeros(DType.INT64, SETTINGS));
    noise = TensorScope.release(operations.zeros(DType.FLOAT32, columns, rows));
  }

  /** Sets how the steps that are launched from here on draw. */
  public void set(Draws draws) {
    long[] values = {
      draws.topK,
      Double.doubleToLongBits(draws.temperature),
      Double.doubleToLongBits(draws.topP),
      Double.doubleToLongBits(draws.minP)
    };
    int given = Math.toIntExact(draws.noise.shape()[0]);
    try (Tensor fresh = operations.longs(values, SETTINGS);
        Tensor place = operations.rows(noise, 0, given)) {
      operations.copyInto(settings, fresh);
      operations.copyInto(place, draws.noise);
    }
  }

  Tensor settings() {
    return settings;
  }

  Tensor noise() {
    return noise;
  }

  @Override
  public void close() {
    settings.close();
    noise.close();
  }
}
