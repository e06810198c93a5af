package dev.smalldoge.model;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.ArrayList;
import java.util.List;

/**
 * Keys, values and mask biases of the tokens that a model has read, so that the next token needs
 * only its own. Per layer: keys and values (B, G, capacity, D) in the compute type, biases (B, G,
 * capacity) FLOAT32, each computed once.
 */
public final class KeyValueCache implements AutoCloseable {
  private final List<List<Tensor>> layers = new ArrayList<>();
  private final List<Tensor> all = new ArrayList<>();
  private final DType type;
  private final int batchSize;
  private final int capacity;
  private int position;

  KeyValueCache(
      ModelConfig config, Operations operations, Precision precision, int batchSize, int capacity) {
    this.type = precision.type();
    this.batchSize = batchSize;
    this.capacity = capacity;
    long groups = config.numKeyValueHeads();
    long width = config.headDim();
    for (int layer = 0; layer < config.numHiddenLayers(); layer++) {
      layers.add(
          List.of(
              own(operations.zeros(precision.type(), batchSize, groups, capacity, width)),
              own(operations.zeros(precision.type(), batchSize, groups, capacity, width)),
              own(operations.zeros(DType.FLOAT32, batchSize, groups, capacity))));
      all.addAll(layers.get(layer));
    }
  }

  private static Tensor own(Tensor tensor) {
    return TensorScope.release(tensor);
  }

  List<Tensor> layer(int number) {
    return layers.get(number);
  }

  /** Keys, values and biases of every layer, one after the other. */
  List<Tensor> all() {
    return all;
  }

  /** Tokens per row read so far. */
  public int position() {
    return position;
  }

  /** Tokens per row that fit. */
  public int capacity() {
    return capacity;
  }

  int batchSize() {
    return batchSize;
  }

  /** Bytes of keys and values. */
  long bytes() {
    Tensor keys = all.get(0);
    return 2L * layers.size() * keys.size() * type.bytes();
  }

  /** Forgets what was read after the first {@code tokens}. */
  void rewind(int tokens) {
    check(
        tokens >= 0 && tokens <= position,
        "cannot go back to token %d of %d that were read; give at most %d",
        tokens,
        position,
        position);
    position = tokens;
  }

  void checkRoom(int tokens) {
    check(
        position + tokens <= capacity,
        "%d tokens after %d do not fit the cache of %d; start generation with more room",
        tokens,
        position,
        capacity);
  }

  void advance(int tokens) {
    position += tokens;
  }

  @Override
  public void close() {
    layers.forEach(l -> l.forEach(Tensor::close));
  }
}
