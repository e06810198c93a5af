package dev.smalldoge.model;

import static dev.smalldoge.model.TestModels.OPERATIONS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.TensorScope;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** Batches that cannot be are told before anything is computed. */
class ModelInputTest {
  private static final long[][] IDS = {{3, 4, 5}, {6, 7, 8}};

  private static void refused(ThrowingCallable making, String because) {
    try (TensorScope scope = new TensorScope()) {
      assertThatThrownBy(making).isInstanceOf(DogeException.class).hasMessageContaining(because);
    }
  }

  private static ModelInput padded(long[]... mask) {
    return ModelInput.padded(OPERATIONS, IDS, mask);
  }

  @Test
  void rowsAndMasksFitEachOther() {
    long[] all = {1, 1, 1};
    refused(() -> padded(all), "2 rows of ids have 1 rows of attention mask");
    refused(() -> padded(all, new long[] {1, 1}), "row 1 has 3 tokens and an attention mask of 2");
    refused(() -> padded(all, new long[] {1, 2, 0}), "an attention mask holds 2");
    refused(() -> ModelInput.of(OPERATIONS, new long[0][]), "the batch has no tokens");
    refused(() -> ModelInput.of(OPERATIONS, new long[][] {{}}), "the batch has no tokens");
    refused(
        () -> ModelInput.of(OPERATIONS, new long[][] {{1}, {1, 2}}), "row 1 of the batch has 2");
  }

  @Test
  void rowsArePaddedToFewLengthsButNotBeyondTheMost() {
    Device gpu = new Device(0);
    assertThat(ModelInput.sharedLength(Device.CPU, 13, 100)).isEqualTo(16);
    assertThat(ModelInput.sharedLength(Device.CPU, 16, 100)).isEqualTo(16);
    assertThat(ModelInput.sharedLength(Device.CPU, 98, 100)).isEqualTo(100);
    assertThat(ModelInput.sharedLength(gpu, 65, 1_000)).isEqualTo(128);
    assertThat(ModelInput.sharedLength(gpu, 990, 1_000)).isEqualTo(1_000);
    assertThat(ModelInput.sharedLength(gpu, 1_001, 1_000)).isEqualTo(1_001);
  }

  @Test
  void aMaskWithoutPaddingIsNone() {
    try (TensorScope scope = new TensorScope()) {
      assertThat(padded(new long[] {1, 1, 1}, new long[] {1, 1, 1}).keyMask()).isEmpty();
      assertThat(padded(new long[] {1, 1, 1}, new long[] {1, 1, 0}).paddedLeft()).isFalse();
      assertThat(padded(new long[] {0, 1, 1}, new long[] {1, 1, 1}).paddedLeft()).isTrue();
    }
  }
}
