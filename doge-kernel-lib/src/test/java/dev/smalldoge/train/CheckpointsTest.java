package dev.smalldoge.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.Weights;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.TensorScope;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Checkpoints that cannot be written, and checkpoints of another model. */
class CheckpointsTest {
  @TempDir private Path folder;

  private final Operations operations = Operations.on(Device.CPU);

  private void save(long step, Consumer<Path> companions) {
    Weights weights = Weights.initialize(TinyRun.CONFIG, operations, step);
    try (DogeForCausalLm model = new DogeForCausalLm(TinyRun.CONFIG, weights, Precision.FLOAT32);
        TensorScope scope = new TensorScope()) {
      var moments = Map.of("mean.x", operations.floats(new float[1 << 16], 1 << 16));
      new Checkpoints(folder, 0, companions)
          .save(model, new TrainingState(step, 9, 9, 233, 1e-3, moments, Map.of("x", step)));
    }
  }

  /** The disk is full from the weights, the moments or the counters on: /dev/full stands for it. */
  @ParameterizedTest
  @ValueSource(strings = {"tokenizer.json", "optimizer.safetensors", "training-state.json"})
  @EnabledOnOs(OS.LINUX)
  void aFullDiskIsToldAndLeavesTheCheckpointBefore(String file) throws IOException {
    save(1, path -> {});
    Map<String, byte[]> before = content();
    assertThatThrownBy(
            () ->
                save(
                    2,
                    path -> {
                      try {
                        Files.createSymbolicLink(
                            path.resolve(file + ".part"), Path.of("/dev/full"));
                        if (file.startsWith("tokenizer")) {
                          dev.smalldoge.io.WrittenAside.text(path.resolve(file), "{}");
                        }
                      } catch (IOException e) {
                        throw new UncheckedIOException(e);
                      }
                    }))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("checkpoint-2 could not be written")
        .hasMessageContaining(file)
        .hasMessageContaining("No space left on device")
        .hasMessageContaining("earlier checkpoints are untouched");
    Map<String, byte[]> after = content();
    assertThat(after.keySet()).isEqualTo(before.keySet()); // nothing of the new one is left
    before.forEach((name, bytes) -> assertThat(after.get(name)).as(name).isEqualTo(bytes));
    assertThat(new Checkpoints(folder, 0, path -> {}).latest())
        .contains(folder.resolve("checkpoint-1"));
  }

  private Map<String, byte[]> content() throws IOException {
    Map<String, byte[]> content = new HashMap<>();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        content.put(folder.relativize(file).toString(), Files.readAllBytes(file));
      }
    }
    return content;
  }

  @Test
  void aCheckpointOfAnotherShapeIsTold() {
    save(1, path -> {});
    ModelConfig wider = TinyRun.CONFIG.with(e -> e.intermediateSize = 96);
    assertThatThrownBy(() -> ModelFiles.weights(folder.resolve("checkpoint-1"), wider, operations))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("model.layers.0.mlp.gate_proj.weight")
        .hasMessageContaining("[64, 32]")
        .hasMessageContaining("[96, 32]");
  }

  @Test
  void aModelWithoutStateIsNoCheckpoint() throws IOException {
    save(1, path -> {});
    Path checkpoint = folder.resolve("checkpoint-1");
    Files.delete(checkpoint.resolve("training-state.json"));
    assertThatThrownBy(() -> Checkpoints.state(checkpoint, operations))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("is a model but no checkpoint to resume");
  }

  /** Whatever became of the counters, a sentence names the file. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "null",
        "{}",
        "{\"step\": 3",
        "{\"step\":\"3\",\"tokensSeen\":4,\"position\":5,\"seed\":6,\"learningRate\":1,\"updates\":{}}",
        "{\"step\":-3,\"tokensSeen\":4,\"position\":5,\"seed\":6,\"learningRate\":1,\"updates\":{}}",
        "{\"step\":3,\"tokensSeen\":4,\"position\":5,\"seed\":6,\"learningRate\":1,\"updates\":[3]}",
        "{\"step\":3,\"tokensSeen\":4,\"position\":5,\"seed\":6,\"learningRate\":1,\"updates\":{\"x\":{}}}"
      })
  void damagedCountersAreTold(String content) throws IOException {
    save(1, path -> {});
    Path checkpoint = folder.resolve("checkpoint-1");
    Files.writeString(checkpoint.resolve("training-state.json"), content);
    assertThatThrownBy(() -> Checkpoints.state(checkpoint, operations))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("training-state.json");
  }

  @Test
  void countersComeBackWhateverTheirSize() {
    try (DogeForCausalLm model = model(TinyRun.CONFIG)) {
      var saved =
          new TrainingState(3, 1L << 60, 7, Long.MIN_VALUE, 1.25e-3, Map.of(), Map.of("w", 2L));
      Path checkpoint = new Checkpoints(folder, 0, path -> {}).save(model, saved);
      assertThat(Checkpoints.state(checkpoint, operations)).isEqualTo(saved);
    }
  }

  @Test
  void momentsOfOtherWeightsAreTold() {
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = model(TinyRun.CONFIG);
        AdamW optimizer = new AdamW(model.weights(), AdamW.Settings.PRETRAINING)) {
      var three = operations.floats(new float[3], 3);
      assertThatThrownBy(() -> optimizer.restore(Map.of("mean.model.norm.weight", three), Map.of()))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("shape [3] for model.norm.weight, expected [32]");
      assertThatThrownBy(() -> optimizer.restore(Map.of("square.other", three), Map.of()))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("shape [3] for other, expected none");
    }
  }

  /** Where a model replaces another and its weights find no room, the other is as it was. */
  @ParameterizedTest
  @ValueSource(strings = {"model.safetensors", "config.json", "generation_config.json"})
  @EnabledOnOs(OS.LINUX)
  void aFullDiskLeavesTheModelBefore(String file) throws IOException {
    ModelConfig wider = TinyRun.CONFIG.with(e -> e.intermediateSize = 96);
    try (DogeForCausalLm model = model(TinyRun.CONFIG)) {
      ModelFiles.save(model, folder);
    }
    Map<String, byte[]> before = content();
    Files.createSymbolicLink(folder.resolve(file + ".part"), Path.of("/dev/full"));
    try (DogeForCausalLm model = model(wider)) {
      assertThatThrownBy(() -> ModelFiles.save(model, folder))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining(file)
          .hasMessageContaining("No space left on device");
    }
    Map<String, byte[]> after = content();
    assertThat(after.keySet()).isEqualTo(before.keySet());
    before.forEach((name, bytes) -> assertThat(after.get(name)).as(name).isEqualTo(bytes));
  }

  private DogeForCausalLm model(ModelConfig config) {
    Weights weights = Weights.initialize(config, operations, 1);
    return new DogeForCausalLm(config, weights, Precision.FLOAT32);
  }

  /** What a killed run leaves behind is neither listed nor in the way. */
  @Test
  void anUnfinishedCheckpointIsNotListed() throws IOException {
    Files.createDirectories(folder.resolve("checkpoint-3.part"));
    Files.writeString(folder.resolve("checkpoint-3.part/model.safetensors"), "torn");
    assertThat(new Checkpoints(folder, 0, path -> {}).list()).isEmpty();
    save(3, path -> {});
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left).containsExactly(folder.resolve("checkpoint-3"));
    }
  }
}
