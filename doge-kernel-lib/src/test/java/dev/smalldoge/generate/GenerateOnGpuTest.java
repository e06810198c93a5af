package dev.smalldoge.generate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.GenerationConfig;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.TestModels;
import dev.smalldoge.model.Weights;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.TwinWeights;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The GPU writes what the CPU writes. */
@Tag("gpu")
class GenerateOnGpuTest {
  private static final List<int[]> PROMPTS =
      List.of(new int[] {5, 9, 31}, new int[] {7}, new int[] {3, 30, 22, 11, 8, 19});

  @Test
  void writesWhatTheCpuWrites() {
    for (ModelConfig config : List.of(TestModels.small(), TestModels.smallMoe())) {
      GenerationConfig greedy = greedy(20);
      GenerationConfig drawn = greedy.withTemperature(1).withTopK(20).withRepetitionPenalty(1.2);
      for (GenerationConfig how : List.of(greedy, drawn)) {
        assertThat(write(config, Device.gpu(0), Precision.FLOAT32, how, 16))
            .isEqualTo(write(config, Device.CPU, Precision.FLOAT32, how, 1));
      }
    }
  }

  @Test
  void bf16WritesAsManyTokensAndBeginsAlike() {
    List<List<Long>> found =
        write(TestModels.small(), Device.gpu(0), Precision.BFLOAT16, greedy(20), 16);
    List<List<Long>> exact =
        write(TestModels.small(), Device.CPU, Precision.FLOAT32, greedy(20), 1);
    int alike = 0;
    for (int row = 0; row < found.size(); row++) {
      assertThat(found.get(row)).hasSize(20);
      alike += found.get(row).get(0).equals(exact.get(row).get(0)) ? 1 : 0;
    }
    assertThat(alike).isGreaterThanOrEqualTo(2); // a near tie may fall to the other side
  }

  private static GenerationConfig greedy(int maxNewTokens) {
    return GenerationConfig.DEFAULT.with(
        g -> {
          g.maxNewTokens = maxNewTokens;
          g.eosTokenIds = List.of();
        });
  }

  private static List<List<Long>> write(
      ModelConfig config, Device device, Precision precision, GenerationConfig how, int block) {
    Operations operations = Operations.on(device);
    Weights weights =
        Weights.of(config, operations, TwinWeights.tensors(TwinWeights.of(config, 4), operations));
    List<List<Long>> rows = new ArrayList<>();
    PROMPTS.forEach(p -> rows.add(new ArrayList<>()));
    try (DogeForCausalLm model = new DogeForCausalLm(config, weights, precision)) {
      new TokenLoop(model, how, 7)
          .run(
              PROMPTS,
              block,
              tokens -> {
                for (int row = 0; row < tokens.length; row++) {
                  for (long token : tokens[row]) {
                    rows.get(row).add(token);
                  }
                }
                return true;
              });
    }
    return rows;
  }
}
