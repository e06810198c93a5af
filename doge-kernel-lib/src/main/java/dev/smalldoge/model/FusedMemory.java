package dev.smalldoge.model;

import dev.smalldoge.config.Recompute;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The memory that fused steps of several batch shapes work in, one after the other. The first of
 * them has the most tokens; the others use the beginning of each of its arrays.
 */
final class FusedMemory implements AutoCloseable {
  private final Operations operations;
  private final int tokens;
  private final Recompute recompute;
  private final List<Tensor> arrays = new ArrayList<>();
  private final Set<Tensor> given = new HashSet<>();

  /**
   * Takes nothing yet.
   *
   * @param tokens the most that a batch has
   * @param recompute what shares arrays among layers
   */
  FusedMemory(Operations operations, int tokens, Recompute recompute) {
    this.operations = operations;
    this.tokens = tokens;
    this.recompute = recompute;
  }

  /** Whether a step of so many tokens finds room. */
  boolean serves(int wanted, Recompute parts) {
    return wanted <= tokens && parts == recompute;
  }

  /** What is computed again by the steps that this serves. */
  Recompute recompute() {
    return recompute;
  }

  /**
   * An array of a step, to be given back by it; else it ends with this memory.
   *
   * @param place its number; the same one has the same type in every step
   */
  Tensor at(int place, DType type, long... shape) {
    long size = Arrays.stream(shape).reduce(1, Math::multiplyExact);
    if (place == arrays.size()) {
      arrays.add(TensorScope.release(operations.zeros(type, size)));
    }
    try (Tensor part = TensorScope.release(operations.rows(arrays.get(place), 0, size))) {
      Tensor array = TensorScope.release(operations.view(part, shape));
      given.add(array);
      return array;
    }
  }

  /** Takes an array of {@link #at} back, whose place others may use. */
  void takeBack(Tensor array) {
    array.close();
    given.remove(array);
  }

  @Override
  public void close() {
    given.forEach(Tensor::close);
    arrays.forEach(Tensor::close);
  }
}
