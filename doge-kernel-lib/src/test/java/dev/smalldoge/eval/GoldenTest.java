package dev.smalldoge.eval;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Tensor;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every figure of every case that transformers computed, on the CPU in fp32. */
class GoldenTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "dense",
        "dense-untied",
        "dynamic-mask",
        "cdmoe",
        "cdmoe-per-token",
        "cdmoe-norm",
        "biases",
        "sliding-window",
        "dynamic-ntk"
      })
  void matchesTransformers(String name) {
    long before = Tensor.live();
    var report = GoldenCheck.run(Path.of("src/test/resources/golden", name), Device.CPU);
    assertThat(report.figures()).hasSizeGreaterThan(40).allMatch(GoldenCheck.Figure::holds);
    boolean choosesKeys = List.of("dynamic-mask", "cdmoe-norm", "sliding-window").contains(name);
    assertThat(report.title().contains("keys of equal bias")).isEqualTo(choosesKeys);
    assertThat(Tensor.live() - before).as("tensors left open").isLessThan(2); // the anchor
  }
}
