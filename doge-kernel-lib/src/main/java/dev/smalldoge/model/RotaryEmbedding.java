package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.RopeScaling;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.GenerationOperations;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.Arrays;
import java.util.List;

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
    float[] frequencies = frequencies(theta(config, newLength));
    float[] cosines = new float[newLength * width];
    float[] sines = new float[newLength * width];
    for (int position = 0; position < newLength; position++) {
      fill(cosines, sines, position, position, frequencies);
    }
    cos = TensorScope.release(operations.floats(cosines, newLength, width));
    sin = TensorScope.release(operations.floats(sines, newLength, width));
  }

  /** The rotary base for a sequence of this length. */
  static double theta(ModelConfig config, int length) {
    RopeScaling scaling = config.ropeScaling();
    if (!scaling.isDynamic() || length <= scaling.originalMaxPositionEmbeddings()) {
      return config.ropeTheta();
    }
    double width = config.headDim();
    double growth =
        scaling.factor() * length / scaling.originalMaxPositionEmbeddings()
            - (scaling.factor() - 1);
    return config.ropeTheta() * Math.pow(growth, width / (width - 2));
  }

  /**
   * Cosines and sines of one position of every row, which is the next of a sequence whose tables
   * were prepared: (1, headDim), or (B, headDim) where rows began later.
   *
   * @param position of the token in the batch
   * @param capacity most tokens that the sequence will have
   * @param padding tokens before each row that are none of it; empty for no padding
   */
  Tensor[] at(int position, int capacity, int... padding) {
    if (growsAt(position + 1)) {
      return computedAt(position, padding);
    }
    prepare(growsAt(capacity) ? config.ropeScaling().originalMaxPositionEmbeddings() : capacity);
    if (padding.length == 0) {
      return new Tensor[] {cos(position, 1), sin(position, 1)};
    }
    long[] places = Arrays.stream(padding).mapToLong(p -> position - p).toArray();
    Tensor ids = operations.longs(places, places.length);
    return new Tensor[] {rowsOf(cos, ids), rowsOf(sin, ids)};
  }

  private Tensor rowsOf(Tensor table, Tensor ids) {
    return operations.embed(ids, table, -1, DType.FLOAT32); // no row is padding
  }

  /** Whether a sequence of this length has another base than a short one. */
  boolean growsAt(int newLength) {
    return config.ropeScaling().isDynamic()
        && newLength > config.ropeScaling().originalMaxPositionEmbeddings();
  }

  private Tensor[] computedAt(int position, int... padding) {
    int[] offsets = padding.length == 0 ? new int[1] : padding;
    int width = config.headDim();
    float[] frequencies = frequencies(theta(config, position + 1));
    float[] cosines = new float[offsets.length * width];
    float[] sines = new float[offsets.length * width];
    for (int row = 0; row < offsets.length; row++) {
      fill(cosines, sines, row, position - offsets[row], frequencies);
    }
    return new Tensor[] {
      operations.floats(cosines, offsets.length, width),
      operations.floats(sines, offsets.length, width)
    };
  }

  private float[] frequencies(double theta) {
    int width = config.headDim();
    float[] frequencies = new float[width / 2];
    for (int i = 0; i < width / 2; i++) {
      frequencies[i] = (float) (1 / Math.pow(theta, 2.0 * i / width));
    }
    return frequencies;
  }

  /** Fills one row of both tables with the angles of a position. */
  private static void fill(
      float[] cosines, float[] sines, int row, int position, float... frequencies) {
    int width = 2 * frequencies.length;
    for (int i = 0; i < width / 2; i++) {
      float angle = position * frequencies[i];
      int at = row * width + i;
      cosines[at] = cosines[at + width / 2] = (float) Math.cos(angle);
      sines[at] = sines[at + width / 2] = (float) Math.sin(angle);
    }
  }

  /**
   * Cosines and sines of {@code fresh} tokens after those in a cache: (T, D), or (B, 1, T, D) at
   * the positions that the mask's real tokens have.
   */
  Tensor[] following(KeyValueCache cache, int fresh, List<Tensor> keyMask) {
    int reached = cache.position() + fresh;
    int original = config.ropeScaling().originalMaxPositionEmbeddings();
    // For as much of the cache as the base stays the same; it may depend on the length.
    prepare(growsAt(cache.capacity()) ? Math.max(reached, original) : cache.capacity());
    if (keyMask.isEmpty()) {
      return new Tensor[] {cos(cache.position(), fresh), sin(cache.position(), fresh)};
    }
    GenerationOperations rows = operations.generation();
    return new Tensor[] {
      rows.rowsAtPositions(cos, keyMask.get(0), fresh),
      rows.rowsAtPositions(sin, keyMask.get(0), fresh)
    };
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
