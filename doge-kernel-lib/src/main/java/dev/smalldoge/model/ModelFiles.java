package dev.smalldoge.model;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.io.ConfigFiles;
import dev.smalldoge.io.ConfigFiles.Loaded;
import dev.smalldoge.io.DType;
import dev.smalldoge.io.ModelWeights;
import dev.smalldoge.io.Safetensors;
import dev.smalldoge.io.SafetensorsWriter;
import dev.smalldoge.io.WeightNames;
import dev.smalldoge.io.WrittenAside;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Models as Hugging Face folders: {@code config.json} and {@code model.safetensors}. */
public final class ModelFiles {
  private ModelFiles() {}

  /**
   * Opens a model folder.
   *
   * @throws dev.smalldoge.config.DogeException naming the file or tensor that does not fit
   */
  public static DogeForCausalLm open(Path folder, Device device, Precision precision) {
    ModelConfig config = ConfigFiles.readModelConfig(folder.resolve("config.json"));
    Weights weights = weights(folder, config, Operations.on(device));
    return new DogeForCausalLm(config, weights, precision);
  }

  /**
   * Opens a folder as a sequence classifier of {@code numLabels} classes; where the folder is a
   * language model's, {@code score.weight} is made new.
   *
   * @throws dev.smalldoge.config.DogeException naming the file or tensor that does not fit
   */
  public static DogeForSequenceClassification openClassifier(
      Path folder, Device device, Precision precision) {
    ModelConfig config = ConfigFiles.readModelConfig(folder.resolve("config.json"));
    Operations operations = Operations.on(device);
    try (ModelWeights stored = ModelWeights.openForClassification(folder, config)) {
      Map<String, Tensor> byName =
          tensors(stored, WeightNames.expectedForClassification(config), config, operations);
      Weights weights = Weights.ofClassifier(config, operations, byName);
      return new DogeForSequenceClassification(config, weights, precision);
    }
  }

  /**
   * The weights of a folder for a configuration, widened to FLOAT32. Old parameter names are
   * converted. Where the configuration has experts and the folder has none, they are made new, so
   * that a dense checkpoint is the start of a CDMoE.
   */
  public static Weights weights(Path folder, ModelConfig config, Operations operations) {
    try (ModelWeights stored = ModelWeights.open(folder, config)) {
      return Weights.of(
          config, operations, tensors(stored, WeightNames.expected(config), config, operations));
    }
  }

  private static Map<String, Tensor> tensors(
      ModelWeights stored, Map<String, long[]> shapes, ModelConfig config, Operations operations) {
    stored.requireFinite();
    Map<String, Tensor> byName = new LinkedHashMap<>();
    try (GradMode off = GradMode.off()) {
      shapes.forEach(
          (name, shape) ->
              byName.put(
                  name,
                  stored.absent().contains(name)
                      ? Weights.initial(name, shape, config, operations)
                      : operations.floats(stored.floats(name), shape)));
    }
    return byName;
  }

  /**
   * Writes weights and configuration into a folder, which must exist; a model that it holds is
   * replaced by both or, where that fails, stays as it is.
   */
  public static void save(DogeForCausalLm model, Path folder) {
    save(Loaded.of(model.config()), model.weights(), folder);
  }

  /** The same for a classifier. */
  public static void save(DogeForSequenceClassification model, Path folder) {
    save(Loaded.ofClassifier(model.config()), model.weights(), folder);
  }

  private static void save(Loaded config, Weights weights, Path folder) {
    check(Files.isDirectory(folder), "%s is not a folder; create it first", folder);
    SafetensorsWriter writer = SafetensorsWriter.to(folder.resolve(Safetensors.FILE));
    writer.metadata("format", "pt");
    weights
        .byName()
        .forEach((name, tensor) -> writer.add(name, DType.F32, tensor.shape(), tensor::toBytes));
    try (WrittenAside aside = new WrittenAside()) {
      writer.write(aside);
      ConfigFiles.write(config, folder, aside);
      aside.commit();
    }
  }
}
