package dev.smalldoge.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.torch.TwinWeights;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A changed token moves no earlier token's log-probability, bit for bit, in a training step on a
 * GPU. Needs a GPU.
 */
@Tag("gpu")
class GpuCausalityTest {
  private static final int ROWS = 2;
  private static final int LENGTH = 320;
  private static final int[] CHANGED = {1, 63, 64, 127, 128, 200, 319};

  @ParameterizedTest
  @CsvSource({
    "BFLOAT16, true, false, 2048",
    "BFLOAT16, true, true, 2048",
    "BFLOAT16, false, false, 2048",
    "BFLOAT16, false, true, 2048",
    "FLOAT32, false, false, 2048",
    "BFLOAT16, false, false, 48",
    "FLOAT32, false, true, 48"
  })
  void aChangedTokenMovesNoEarlierLogProbability(
      Precision precision, boolean fused, boolean documents, int keepWindowSize) {
    ModelConfig config =
        ModelConfig.doge20M()
            .with(
                e -> {
                  e.vocabSize = 512;
                  e.hiddenSize = 512;
                  e.intermediateSize = 512;
                  e.numHiddenLayers = 2;
                  e.numAttentionHeads = 4;
                  e.numKeyValueHeads = 2;
                  e.keepWindowSize = keepWindowSize;
                });
    Operations operations = Operations.on(Device.gpu(0));
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model =
            new DogeForCausalLm(
                config,
                Weights.of(
                    config,
                    operations,
                    TwinWeights.tensors(TwinWeights.of(config, 51), operations)),
                precision)) {
      assertThat(DogeForCausalLm.fusesOn(config, operations.device(), precision) || !fused)
          .as("the fused step serves this model")
          .isTrue();
      model.fuse(fused);
      model.weights().train(name -> true);
      long[][] ids = TestModels.ids(config, ROWS, LENGTH, 52);
      float[] before = logProbabilities(model, ids, ids, documents);
      for (int t : CHANGED) {
        long[][] changed = TestModels.copy(ids);
        changed[0][t] = changed[0][t] == 3 ? 4 : 3;
        float[] after = logProbabilities(model, changed, ids, documents);
        int first = Arrays.mismatch(before, after);
        if (t + 1 < LENGTH) { // the label after the last token is of nobody
          assertThat(first).as("first moved, token %d changed", t).isBetween(t, LENGTH - 1);
        }
        assertThat(Arrays.copyOfRange(after, LENGTH, after.length))
            .as("the other row")
            .isEqualTo(Arrays.copyOfRange(before, LENGTH, before.length));
      }
    }
  }

  /** Of the labels, not of the ids: (ROWS · LENGTH), the place t for the label at t + 1. */
  private static float[] logProbabilities(
      DogeForCausalLm model, long[][] ids, long[][] labels, boolean documents) {
    Operations operations = model.operations();
    ModelInput plain = ModelInput.of(operations, ids);
    ModelInput input =
        documents
            ? ModelInput.packed(operations, plain.inputIds(), ROWS, LENGTH, 0, 100, 320, 470, 640)
            : plain;
    float[][] seen = new float[1][];
    model.backward(
        input,
        ModelInput.of(operations, labels).inputIds(),
        logProbabilities -> {
          seen[0] = logProbabilities.toFloats();
          return logProbabilities;
        });
    return seen[0];
  }
}
