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

  @Test
  void aFusedBatchWritesWhatEachRowWritesAlone() {
    ModelConfig config =
        TestModels.small()
            .with(
                e -> {
                  e.hiddenSize = 128;
                  e.intermediateSize = 256;
                });
    List<List<Long>> together = new ArrayList<>();
    List<List<Long>> alone = new ArrayList<>();
    for (GenerationConfig how : List.of(greedy(20), greedy(20).withTemperature(1))) {
      together.addAll(write(config, Device.gpu(0), Precision.BFLOAT16, how, 7, PROMPTS));
      for (int row = 0; row < PROMPTS.size(); row++) {
        List<int[]> one = PROMPTS.subList(row, row + 1);
        if (!how.doSample()) { // another row's draws come from another seed
          alone.addAll(write(config, Device.gpu(0), Precision.BFLOAT16, how, 7, one));
        }
      }
    }
    assertThat(together.subList(0, 3)).isEqualTo(alone);
    assertThat(together).allSatisfy(row -> assertThat(row).hasSize(20));
  }

  @Test
  void aTextThatWasCutOffLeavesNothingToTheNext() {
    ModelConfig config =
        TestModels.small()
            .with(
                e -> {
                  e.hiddenSize = 128;
                  e.intermediateSize = 256;
                });
    Operations operations = Operations.on(Device.gpu(0));
    Weights weights =
        Weights.of(config, operations, TwinWeights.tensors(TwinWeights.of(config, 4), operations));
    try (DogeForCausalLm model = new DogeForCausalLm(config, weights, Precision.BFLOAT16)) {
      List<long[]> whole = new ArrayList<>();
      List<long[]> again = new ArrayList<>();
      TokenLoop loop = new TokenLoop(model, greedy(40), 7);
      loop.run(PROMPTS.subList(0, 1), 4, tokens -> whole.add(tokens[0]));
      loop.run(PROMPTS.subList(2, 3), 4, tokens -> false);
      loop.run(PROMPTS.subList(0, 1), 4, tokens -> again.add(tokens[0]));
      assertThat(again).usingRecursiveComparison().isEqualTo(whole);
      assertThat(whole).hasSize(10);
    }
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
    return write(config, device, precision, how, block, PROMPTS);
  }

  private static List<List<Long>> write(
      ModelConfig config,
      Device device,
      Precision precision,
      GenerationConfig how,
      int block,
      List<int[]> prompts) {
    Operations operations = Operations.on(device);
    Weights weights =
        Weights.of(config, operations, TwinWeights.tensors(TwinWeights.of(config, 4), operations));
    List<List<Long>> rows = new ArrayList<>();
    prompts.forEach(p -> rows.add(new ArrayList<>()));
    try (DogeForCausalLm model = new DogeForCausalLm(config, weights, precision)) {
      new TokenLoop(model, how, 7)
          .run(
              prompts,
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
