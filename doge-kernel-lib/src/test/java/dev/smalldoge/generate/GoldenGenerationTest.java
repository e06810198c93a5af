package dev.smalldoge.generate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.GenerationConfig;
import dev.smalldoge.io.Safetensors;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.model.Precision;
import dev.smalldoge.torch.Device;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Greedy output is that of transformers, past the kept window too (dynamic-mask). */
class GoldenGenerationTest {
  @ParameterizedTest
  @ValueSource(strings = {"dense", "dense-untied", "dynamic-mask", "cdmoe-per-token"})
  void greedyIsThatOfTransformers(String name) {
    Path folder = Path.of("src/test/resources/golden", name);
    try (Safetensors golden = Safetensors.open(folder.resolve("golden.safetensors"));
        DogeForCausalLm model = ModelFiles.open(folder, Device.CPU, Precision.FLOAT32)) {
      List<Long> expected = row(golden.longs("greedy.output_ids"));
      List<Long> prompt = row(golden.longs("greedy.input_ids"));
      GenerationConfig config =
          GenerationConfig.of(model.config())
              .withMaxNewTokens(expected.size() - prompt.size())
              .with(g -> g.eosTokenIds = List.of());
      List<Long> found = new ArrayList<>(prompt);
      new TokenLoop(model, config, 0)
          .run(
              List.of(prompt.stream().mapToInt(Long::intValue).toArray()),
              1,
              tokens -> {
                found.add(tokens[0][0]);
                return true;
              });
      assertThat(found).isEqualTo(expected);
    }
  }

  private static List<Long> row(LongBuffer values) {
    List<Long> row = new ArrayList<>();
    while (values.hasRemaining()) {
      row.add(values.get());
    }
    return row;
  }
}
