package dev.smalldoge.torch;

import java.util.ArrayList;
import java.util.List;

/**
 * Closes every tensor that the thread makes while the scope is open, innermost scope first.
 *
 * <pre>{@code
 * try (TensorScope scope = new TensorScope()) {
 *   Tensor logits = model.logits(ids);
 *   return scope.keep(logits);        // the rest is given back
 * }
 * }</pre>
 */
public final class TensorScope implements AutoCloseable {
  private static final ThreadLocal<TensorScope> CURRENT = new ThreadLocal<>();

  private final TensorScope outer = CURRENT.get();
  private final List<Tensor> tensors = new ArrayList<>();

  /** Opens a scope on the calling thread. */
  public TensorScope() {
    CURRENT.set(this);
  }

  static void register(Tensor tensor) {
    TensorScope scope = CURRENT.get();
    if (scope != null) {
      scope.tensors.add(tensor);
    }
  }

  /** Hands a tensor to the scope outside this one, or to the caller where there is none. */
  public Tensor keep(Tensor tensor) {
    tensors.remove(tensor);
    if (outer != null) {
      outer.tensors.add(tensor);
    }
    return tensor;
  }

  /** Takes a tensor out of every scope: its owner closes it. */
  public static Tensor release(Tensor tensor) {
    for (TensorScope scope = CURRENT.get(); scope != null; scope = scope.outer) {
      scope.tensors.remove(tensor);
    }
    return tensor;
  }

  @Override
  public void close() {
    CURRENT.set(outer);
    for (int i = tensors.size() - 1; i >= 0; i--) {
      tensors.get(i).close();
    }
    tensors.clear();
  }
}
