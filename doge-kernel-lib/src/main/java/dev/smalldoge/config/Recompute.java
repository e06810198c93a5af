package dev.smalldoge.config;

import static dev.smalldoge.config.Checks.check;

import java.util.List;
import java.util.Locale;

/**
 * Which activations a backward pass computes again instead of keeping them from the forward pass:
 * the same gradients, less memory, more time.
 */
public enum Recompute {
  /** Nothing: all are kept. */
  NOTHING,
  /**
   * The two branches of each MLP, the largest arrays of a layer: in the fused step a quarter less
   * memory for 2 to 7 % of the speed. A step in recorded scripts computes whole layers again.
   */
  MLP,
  /**
   * All but each layer's input: in the fused step a seventh to a third of the memory for 14 to 19 %
   * of the speed.
   */
  LAYERS;

  /** {@link #LAYERS} or {@link #NOTHING}. */
  public static Recompute of(boolean on) {
    return on ? LAYERS : NOTHING;
  }

  /**
   * What a recipe or an option says: {@code true} for whole layers, {@code mlp} or {@code false}.
   *
   * @param where opens the sentence if it says something else
   */
  public static Recompute named(String where, Object value) {
    String name = String.valueOf(value).toLowerCase(Locale.ROOT);
    check(
        List.of("true", "mlp", "false").contains(name),
        "%s: recompute %s is not known; use true for whole layers, mlp or false",
        where,
        value);
    return name.equals("mlp") ? MLP : of(name.equals("true"));
  }

  /** What a recipe writes for it. */
  Object written() {
    return this == MLP ? "mlp" : (Object) (this == LAYERS);
  }

  @Override
  public String toString() {
    return String.valueOf(written());
  }
}
