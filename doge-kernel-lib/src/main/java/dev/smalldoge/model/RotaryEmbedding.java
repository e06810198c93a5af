package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;

/**
 * Cosines and sines of the rotary position embedding, (positions, headDim) FLOAT32, halves
 * repeated.
 *
 * <p>Position p turns pair i by the angle p · θ^(−2i/D). The dynamic-NTK form enlarges θ once a
 * sequence is longer than the original maximum L₀: θ' = θ · (f · L / L₀ − (f − 1))^(D / (D − 2)).
 * Angles are rounded to FLOAT32 as the source does, so that late positions agree with it.
 *
 * <p>Source: {@code ROPE_INIT_FUNCTIONS} of Hugging Face transformers; arXiv:2104.09864.
 */
final class RotaryEmbedding implements AutoCloseable {
  private final ModelConfig config;
  private final Operations operations;
  private int length;
  private Tensor cos;
  private Tensor sin;

  RotaryEmbedding(ModelConfig config, Operations operations) {
    this.config = config;
    this.operations = operations;
  }

  /** Makes the tables for positions 0 to {@code newLength} − 1. */
  void prepare(int newLength) {
    boolean long0 = config.ropeScaling().isDynamic();
    int base = config.ropeScaling().originalMaxPositionEmbeddings();
    boolean sameAngles = !long0 || (newLength <= base && length <= base);
    if (cos != null && (length == newLength || (sameAngles && length > newLength))) {
      return;
    }
    close();
    length = newLength;
    int width = config.headDim();
    double theta = theta(config, newLength);
    float[] cosines = new float[newLength * width];
    float[] sines = new float[newLength * width];
    for (int i = 0; i < width / 2; i++) {
      float frequency = (float) (1 / Math.pow(theta, 2.0 * i / width));
      for (int position = 0; position < newLength; position++) {
        float angle = position * frequency;
        int at = position * width + i;
        cosines[at] = cosines[at + width / 2] = (float) Math.cos(angle);
        sines[at] = sines[at + width / 2] = (float) Math.sin(angle);
      }
    }
    cos = TensorScope.release(operations.floats(cosines, newLength, width));
    sin = TensorScope.release(operations.floats(sines, newLength, width));
  }

  /** The rotary base for a sequence of this length. */
  static double theta(ModelConfig config, int length) {
    ModelConfig.RopeScaling scaling = config.ropeScaling();
    if (!scaling.isDynamic() || length <= scaling.originalMaxPositionEmbeddings()) {
      return config.ropeTheta();
    }
    double width = config.headDim();
    double growth =
        scaling.factor() * length / scaling.originalMaxPositionEmbeddings()
            - (scaling.factor() - 1);
    return config.ropeTheta() * Math.pow(growth, width / (width - 2));
  }

  /** Cosines of {@code count} positions from {@code start}. */
  Tensor cos(int start, int count) {
    return operations.rows(cos, start, count);
  }

  /** Sines of {@code count} positions from {@code start}. */
  Tensor sin(int start, int count) {
    return operations.rows(sin, start, count);
  }

  @Override
  public void close() {
    if (cos != null) {
      cos.close();
      sin.close();
      cos = null;
    }
  }
}
