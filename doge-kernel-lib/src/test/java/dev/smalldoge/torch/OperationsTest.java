package dev.smalldoge.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class OperationsTest {
  private final Operations operations = Operations.on(Device.CPU);

  @Test
  void everyScriptLoads() {
    assertThat(operations.scriptNames())
        .contains("attention_block", "head_loss", "adamw", "preference_loss");
  }

  @Test
  void gradientsFlowThroughACallThatCasts() {
    try (TensorScope scope = new TensorScope();
        GradMode grad = GradMode.on()) {
      Tensor x = operations.floats(new float[] {1, 2, 3}, 3);
      x.requireGradient(true);
      operations.createGradients(List.of(x));
      operations
          .cast(operations.cast(x, DType.BFLOAT16), DType.FLOAT32)
          .backward(operations.floats(new float[] {1, 10, 100}, 3));
      assertThat(x.gradient().toFloats()).containsExactly(1, 10, 100);
    }
  }
}
