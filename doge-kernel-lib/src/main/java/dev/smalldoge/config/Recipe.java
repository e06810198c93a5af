package dev.smalldoge.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Everything that one training run needs to know, as a YAML file says it.
 *
 * <p>Two styles are read: ours, whose keys are the component names in snake case, and that of the
 * reference's recipes ({@code model_config}, {@code model_init_kwargs}, {@code
 * datasets_and_ratios}, Trainer keys). In ours an unknown key is refused with the nearest known
 * one.
 *
 * <p>Example: {@code Recipe.load("recipes/doge-20m/pretrain.yaml", "micro_batch_size=4",
 * "model.num_hidden_layers=4")}.
 */
public sealed interface Recipe permits PretrainRecipe, SftRecipe, DpoRecipe {
  /**
   * Reads a recipe of any stage.
   *
   * @param file the YAML file
   * @param overrides keys to replace, each as {@code key=value}, keys of inner maps with dots
   * @throws DogeException naming the file and key that cannot be
   */
  static Recipe load(Path file, String... overrides) {
    return RecipeReader.read(file, List.of(overrides));
  }

  /** As {@link #load(Path, String...)}, from {@link Home}. */
  static Recipe load(String file, String... overrides) {
    return load(Home.path(file), overrides);
  }

  /** What the run is called. */
  String name();

  /** {@code pretrain}, {@code sft} or {@code dpo}. */
  String stage();

  /** What to train on. */
  DataMixture data();

  /** How to train. */
  TrainingSettings training();

  /** Where checkpoints and the log go. */
  String outputFolder();

  /** Keys of the file that are known and do nothing here, each with the reason. */
  List<String> ignored();

  /** The recipe's keys in our style, in the order in which a file has them. */
  Map<String, Object> keys();

  /** The recipe as a YAML file of our style, which {@link #load} reads back to an equal one. */
  default String toYaml() {
    return Yaml.write(keys());
  }

  /** The recipe as a Markdown table of keys and values. */
  default String toMarkdown() {
    StringBuilder table = new StringBuilder("| key | value |\n|---|---|\n");
    Yaml.flat(keys()).forEach((key, value) -> table.append("| `" + key + "` | " + value + " |\n"));
    return table.toString();
  }

  /** The recipe as an aligned table of keys and values, for a terminal. */
  default String toText() {
    Map<String, String> rows = Yaml.flat(keys());
    int width = rows.keySet().stream().mapToInt(String::length).max().orElse(0);
    StringBuilder table = new StringBuilder();
    rows.forEach((key, value) -> table.append(String.format("%-" + width + "s  %s%n", key, value)));
    ignored().forEach(line -> table.append("ignored: ").append(line).append("\n"));
    return table.toString();
  }
}
