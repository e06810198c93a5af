package dev.smalldoge.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.Weights;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import org.junit.jupiter.api.Test;

class GenerateBenchTest {
  @Test
  void theBytesOfAStepAreThoseOfTheTypeThatIsRead() {
    ModelConfig config = ModelConfig.tiny();
    try (Weights weights = Weights.initialize(config, Operations.on(Device.CPU), 233)) {
      long count = weights.count();
      assertThat(GenerateBench.bytesRead(weights, Precision.FLOAT32)).isEqualTo(4 * count);
      assertThat(GenerateBench.bytesRead(weights, Precision.BFLOAT16)).isEqualTo(2 * count);
      // norms (a layer's two, its heads' two, and the last), residual vectors and A stay in fp32
      int layers = config.numHiddenLayers();
      long vectors =
          layers * (4L * config.hiddenSize() + 2L * config.headDim() + config.numKeyValueHeads())
              + config.hiddenSize();
      assertThat(GenerateBench.bytesRead(weights, Precision.FLOAT16_WEIGHTS))
          .isEqualTo(2 * count + 2 * vectors);
    }
  }
}
