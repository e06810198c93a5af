package dev.smalldoge.model;

import static dev.smalldoge.model.TestModels.OPERATIONS;
import static dev.smalldoge.model.TestModels.small;
import static dev.smalldoge.torch.Comparison.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.io.ConfigFiles;
import dev.smalldoge.torch.Comparison;
import dev.smalldoge.torch.DoubleTwin;
import dev.smalldoge.torch.DoubleTwin.Visibility;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.torch.TwinArray;
import dev.smalldoge.torch.TwinWeights;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The classifier's logits, loss and gradients against the double twin's hidden states. */
class SequenceClassificationTest {
  private static final int CLASSES = 3;
  private static final String SCORE = "score.weight";

  private final ModelConfig config =
      small()
          .with(
              e -> {
                e.numLabels = CLASSES;
                e.numHiddenLayers = 1;
              });
  private final Map<String, TwinArray> arrays = TwinWeights.of(config, 81);
  private final long[][] ids = TestModels.ids(config, 3, 6, 82);
  private final long[][] mask = new long[3][6];
  private final int[] last = {5, 3, 5};
  private final long[] labels = {2, 0, DogeForCausalLm.IGNORE_INDEX};

  SequenceClassificationTest() {
    arrays.put(SCORE, TwinWeights.normal(83, 0, 0.3, CLASSES, config.hiddenSize()));
    for (int row = 0; row < 3; row++) {
      for (int t = 0; t < 6; t++) {
        boolean padding = (row == 1 && t > 3) || (row == 2 && t < 2); // right, and left
        mask[row][t] = padding ? 0 : 1;
        ids[row][t] = padding ? config.padTokenId() : ids[row][t];
      }
    }
  }

  private double[] logits(DoubleTwin twin) {
    double[][] hidden = twin.hiddenStates(ids, Visibility.unpadded(mask));
    double[] score = arrays.get(SCORE).values();
    double[] logits = new double[3 * CLASSES];
    for (int row = 0; row < 3; row++) {
      for (int c = 0; c < CLASSES; c++) {
        for (int i = 0; i < config.hiddenSize(); i++) {
          logits[row * CLASSES + c] +=
              hidden[row * 6 + last[row]][i] * score[c * config.hiddenSize() + i];
        }
      }
    }
    return logits;
  }

  private double nats(DoubleTwin twin) {
    double[] logits = logits(twin);
    double nats = 0;
    for (int row = 0; row < 3; row++) {
      double[] line = java.util.Arrays.copyOfRange(logits, row * CLASSES, (row + 1) * CLASSES);
      nats -= DoubleTwin.logProbability(line, labels[row]);
    }
    return nats;
  }

  @Test
  void equalsTheTwin() {
    DoubleTwin twin = new DoubleTwin(config, TwinWeights.values(arrays));
    Weights weights =
        Weights.ofClassifier(config, OPERATIONS, TwinWeights.tensors(arrays, OPERATIONS));
    try (var model = new DogeForSequenceClassification(config, weights, Precision.FLOAT32);
        TensorScope scope = new TensorScope()) {
      ModelInput input = ModelInput.padded(OPERATIONS, ids, mask);
      assertClose("logits", model.logits(input).toFloats(), logits(twin), Comparison.VALUES);
      weights.train(name -> true);
      double nats = model.backward(input, labels, 0.5).item();
      assertThat(nats).isCloseTo(nats(twin), within(1e-5));
      for (String name :
          new String[] {
            SCORE,
            "model.norm.weight",
            "model.layers.0.self_attn.A",
            "model.layers.0.input_residual"
          }) {
        double[] expected =
            Comparison.differences(arrays.get(name).values(), () -> 0.5 * nats(twin));
        assertClose(name, weights.gradients().get(name).toFloats(), expected, Comparison.GRADIENTS);
      }
    }
  }

  @Test
  void aFrozenBodyTrainsTheHeadAlone() {
    Weights weights = Weights.initializeClassifier(config, OPERATIONS, 84);
    try (var model = new DogeForSequenceClassification(config, weights, Precision.FLOAT32);
        TensorScope scope = new TensorScope()) {
      weights.train(SCORE::equals);
      model.backward(ModelInput.padded(OPERATIONS, ids, mask), labels, 0.5);
      assertThat(weights.gradients()).containsOnlyKeys(SCORE);
      assertThat(weights.gradients().get(SCORE).toFloats()).isNotEqualTo(new float[CLASSES * 24]);
    }
  }

  @Test
  void wrongLabelsAreTold() {
    Weights weights = Weights.initializeClassifier(config, OPERATIONS, 85);
    try (var model = new DogeForSequenceClassification(config, weights, Precision.FLOAT32);
        TensorScope scope = new TensorScope()) {
      ModelInput input = ModelInput.padded(OPERATIONS, ids, mask);
      assertThatThrownBy(() -> model.backward(input, new long[] {0, 3, 1}, 1))
          .isInstanceOf(DogeException.class)
          .hasMessage("label 3 of row 1 is none of the 3 classes; use 0 to 2, or set numLabels");
      assertThatThrownBy(() -> model.backward(input, new long[] {0}, 1))
          .hasMessageContaining("1 labels were given for 3 rows");
    }
  }

  @Test
  void savedAndOpenedIsTheSame(@TempDir Path folder) {
    Weights weights = Weights.initializeClassifier(config, OPERATIONS, 86);
    try (var model = new DogeForSequenceClassification(config, weights, Precision.FLOAT32);
        TensorScope scope = new TensorScope()) {
      ModelFiles.save(model, folder);
      assertThat(ConfigFiles.read(folder).architecture()).isEqualTo(ConfigFiles.CLASSIFIER);
      try (var opened =
          ModelFiles.openClassifier(folder, dev.smalldoge.torch.Device.CPU, Precision.FLOAT32)) {
        ModelInput input = ModelInput.padded(OPERATIONS, ids, mask);
        assertThat(opened.logits(input).toFloats()).isEqualTo(model.logits(input).toFloats());
      }
    }
  }
}
