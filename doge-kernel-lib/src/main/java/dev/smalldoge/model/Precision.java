package dev.smalldoge.model;

import dev.smalldoge.config.TrainingSettings;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.Device;

/**
 * The type that a model computes in; its master weights are FLOAT32 either way.
 *
 * <p>The last one is for writing on an x86 CPU, which waits for memory there: all is computed in
 * FLOAT32, but what reads token by token has a copy of the matrices in fp16, whose 11 significant
 * bits take half the time and hardly ever give another token.
 */
public enum Precision {
  FLOAT32(DType.FLOAT32),
  BFLOAT16(DType.BFLOAT16),
  FLOAT16_WEIGHTS(DType.FLOAT32);

  private final DType type;

  Precision(DType type) {
    this.type = type;
  }

  /** Whether decoding reads packed fp16 matrices. */
  boolean packs() {
    return this == FLOAT16_WEIGHTS;
  }

  /** bf16 on a GPU, fp32 on the CPU. */
  public static Precision of(Device device) {
    return device.isGpu() ? BFLOAT16 : FLOAT32;
  }

  /** That of a recipe. */
  public static Precision of(TrainingSettings.Precision recipe) {
    return recipe == TrainingSettings.Precision.BF16 ? BFLOAT16 : FLOAT32;
  }

  DType type() {
    return type;
  }
}
