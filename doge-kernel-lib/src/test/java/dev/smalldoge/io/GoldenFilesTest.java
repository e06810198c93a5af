package dev.smalldoge.io;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.GenerationConfig;
import dev.smalldoge.config.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Files that transformers wrote, every one of the shared folder. */
@Tag("shared")
class GoldenFilesTest {
  private static final Path GOLDEN =
      Path.of(System.getProperty("doge.shared", "../../shared"), "golden");

  private static List<Path> cases() throws IOException {
    try (Stream<Path> folders = Files.list(GOLDEN)) {
      List<Path> cases = folders.filter(Files::isDirectory).sorted().toList();
      assertThat(cases).hasSizeGreaterThanOrEqualTo(6);
      return cases;
    }
  }

  @Test
  void weightsFitTheirConfigs() throws IOException {
    for (Path folder : cases()) {
      ConfigFiles.Loaded config = ConfigFiles.read(folder);
      assertThat(config.extra()).as("%s", folder).isEmpty();
      assertThat(ConfigFiles.readGeneration(folder, config.model()))
          .isEqualTo(GenerationConfig.of(config.model()));
      try (ModelWeights weights = ModelWeights.open(folder, config.model())) {
        assertThat(weights.absent()).as("%s", folder).isEmpty();
        assertThat(weights.ignored()).as("%s", folder).isEmpty();
        assertThat(weights.metadata()).containsEntry("format", "pt");
        weights.requireFinite();
      }
      try (Safetensors golden = Safetensors.open(folder.resolve("golden.safetensors"))) {
        ModelConfig model = config.model();
        assertThat(golden.longs("input_ids").limit())
            .isEqualTo((int) golden.info("input_ids").elements());
        assertThat(golden.doubles("train.loss")).hasSize(12).doesNotContain(Double.NaN);
        assertThat(golden.info("logits").shape()[2]).isEqualTo(model.vocabSize());
      }
    }
  }

  @Test
  void writingThemAgainGivesTheSameBytes(@org.junit.jupiter.api.io.TempDir Path made)
      throws IOException {
    for (Path folder : cases()) {
      Path copy = made.resolve(folder.getFileName() + ".safetensors");
      try (Safetensors original = Safetensors.open(folder)) {
        SafetensorsWriter writer = SafetensorsWriter.to(copy);
        original.metadata().forEach(writer::metadata);
        for (String name : original.names()) {
          TensorInfo info = original.info(name);
          writer.add(name, info.dtype(), info.shape(), () -> original.bytes(name));
        }
        writer.write();
      }
      assertThat(copy).hasSameBinaryContentAs(folder.resolve(Safetensors.FILE));
    }
  }
}
