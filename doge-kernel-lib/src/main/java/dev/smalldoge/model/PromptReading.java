package dev.smalldoge.model;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import java.util.Arrays;
import java.util.List;

/** Reads prompts into a cache, after what it holds. */
final class PromptReading {
  private PromptReading() {}

  /**
   * Logits (B, V) in FLOAT32 of what follows the prompts.
   *
   * @param inputIds INT64 (B, T)
   * @param padding tokens of padding at the beginning of each row; empty where there are none
   */
  static Tensor read(DogeForCausalLm model, Tensor inputIds, KeyValueCache cache, int... padding) {
    check(
        padding.length == 0 || cache.position() == 0,
        "this decoder has read %d tokens already, and prompts of several lengths cannot follow;"
            + " make a new one",
        cache.position());
    List<Tensor> keyMask =
        padding.length == 0
            ? List.of()
            : List.of(keyMask(model.operations(), (int) inputIds.shape()[1], padding));
    return model.nextLogits(inputIds, cache, keyMask);
  }

  private static Tensor keyMask(Operations operations, int length, int... padding) {
    long[] mask = new long[padding.length * length];
    for (int row = 0; row < padding.length; row++) {
      Arrays.fill(mask, row * length + padding[row], (row + 1) * length, 1);
    }
    return operations.longs(mask, padding.length, length);
  }
}
