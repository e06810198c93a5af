package dev.smalldoge.model;

import static dev.smalldoge.model.TestModels.OPERATIONS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.Recompute;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import org.junit.jupiter.api.Test;

class FusedMemoryTest {
  @Test
  void stepsOfSeveralShapesUseTheSameArrays() {
    try (GradMode off = GradMode.off();
        TensorScope scope = new TensorScope();
        FusedMemory memory = new FusedMemory(OPERATIONS, 12, Recompute.NOTHING)) {
      Tensor large = memory.at(0, DType.FLOAT32, 3, 4);
      Tensor narrow = memory.at(1, DType.BFLOAT16, 3, 4, 2);
      Tensor small = memory.at(0, DType.FLOAT32, 2, 2);
      assertThat(small.shape()).containsExactly(2, 2);
      assertThat(narrow.shape()).containsExactly(3, 4, 2);
      float[] values = {1, 2, 3, 4};
      OPERATIONS.copyInto(small, OPERATIONS.floats(values, 2, 2));
      assertThat(large.toFloats()).startsWith(values).endsWith(0, 0, 0, 0, 0, 0, 0, 0);

      memory.takeBack(small);
      assertThat(memory.at(0, DType.FLOAT32, 1, 4).toFloats()).containsExactly(values);
    }
  }

  @Test
  void servesWhatIsNotLargerAndComputesTheSameAgain() {
    try (FusedMemory memory = new FusedMemory(OPERATIONS, 12, Recompute.MLP)) {
      assertThat(memory.serves(12, Recompute.MLP)).isTrue();
      assertThat(memory.serves(13, Recompute.MLP)).isFalse();
      assertThat(memory.serves(12, Recompute.LAYERS)).isFalse();
    }
  }

  @Test
  void whatIsNotGivenBackEndsWithIt() {
    long live = Tensor.live();
    try (FusedMemory memory = new FusedMemory(OPERATIONS, 12, Recompute.NOTHING)) {
      memory.at(0, DType.FLOAT32, 3, 4);
      memory.takeBack(memory.at(1, DType.FLOAT32, 12));
      memory.at(1, DType.FLOAT32, 6);
      assertThat(Tensor.live()).isEqualTo(live + 4); // two arrays, two views
    }
    assertThat(Tensor.live()).isEqualTo(live);
  }
}
