package dev.smalldoge.model;

import dev.smalldoge.config.TrainingSettings;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.Device;

/** The type that a model computes in; its master weights are FLOAT32 either way. */
public enum Precision {
  FLOAT32(DType.FLOAT32),
  BFLOAT16(DType.BFLOAT16);

  private final DType type;

  Precision(DType type) {
    this.type = type;
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
