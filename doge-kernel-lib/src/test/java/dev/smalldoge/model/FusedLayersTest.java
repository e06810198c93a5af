package dev.smalldoge.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.ModelConfig;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Which models the fused step computes, and what it says of the others. */
class FusedLayersTest {
  private static String obstacle(Consumer<ModelConfig.Edit> change) {
    ModelConfig config = ModelConfig.doge20MMoe().with(change);
    return FusedLayers.obstacle(config, Precision.BFLOAT16).orElse("");
  }

  @Test
  void servesAllPublishedShapes() {
    for (ModelConfig config :
        new ModelConfig[] {
          ModelConfig.doge20M(),
          ModelConfig.doge320M(),
          ModelConfig.doge20MMoe(),
          ModelConfig.doge120MMoe(),
          ModelConfig.doge480MMoe(),
          ModelConfig.doge1400MMoe()
        }) {
      assertThat(FusedLayers.obstacle(config, Precision.BFLOAT16)).isEmpty();
      assertThat(FusedLayers.obstacle(config, Precision.FLOAT32)).get().asString().contains("fp32");
    }
  }

  @Test
  void saysWhatItDoesNotCompute() {
    assertThat(obstacle(e -> e.attentionBias = true)).contains("biases");
    assertThat(obstacle(e -> e.mlpBias = true)).contains("biases");
    assertThat(obstacle(e -> e.hiddenDropout = 0.1)).contains("dropout");
    assertThat(obstacle(e -> e.attentionDropout = 0.1)).contains("dropout");
    assertThat(obstacle(e -> e.numAttentionHeads = 4)).contains("not 64 and 256");
    assertThat(obstacle(e -> e.vocabSize = 1_001)).contains("vocabSize");
    assertThat(obstacle(e -> e.routing = ModelConfig.Routing.LEGACY)).contains("legacy");
    assertThat(obstacle(e -> e.numExperts = 25)).contains("128 keys");
  }
}
