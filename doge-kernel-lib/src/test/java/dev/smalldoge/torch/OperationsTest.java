package dev.smalldoge.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
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

  @Test
  void valuesThatDoNotFillTheShapeAreTold() {
    for (long[] shape : new long[][] {{}, {2}, {2, 2}}) {
      assertThatThrownBy(() -> operations.floats(new float[3], shape))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("3 values do not fill the shape");
      assertThatThrownBy(() -> operations.doubles(new double[3], shape))
          .isInstanceOf(DogeException.class);
      assertThatThrownBy(() -> operations.longs(new long[3], shape))
          .isInstanceOf(DogeException.class);
    }
  }

  @Test
  void idsOutsideTheVocabularyAreTold() {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Tensor weight = operations.zeros(DType.FLOAT32, 3, 2);
      Tensor ids = operations.longs(new long[] {2, 3}, 1, 2);
      assertThatThrownBy(() -> operations.embed(ids, weight, 0, DType.FLOAT32))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("outside the model's vocabulary");
      Tensor hidden = operations.zeros(DType.FLOAT32, 2, 2);
      Tensor labels = operations.longs(new long[] {2, 3}, 2);
      assertThatThrownBy(
              () -> operations.head().loss(hidden, weight, labels, 1, 2, false, false, List.of()))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("outside the model's vocabulary");
    }
  }
}
