package dev.smalldoge.config;

import static dev.smalldoge.config.Checks.check;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Pre-training: from random weights, or from a checkpoint of a model with the same shape or, for a
 * CDMoE, of its dense base.
 *
 * @param name what the run is called
 * @param model the model's shape
 * @param tokenizer folder or hub name of the tokenizer
 * @param startFrom folder or hub name of the weights to start from; empty for random ones
 * @param expertWarmupSteps updates at the start that train router and experts alone; 0 for none
 * @param outputFolder where checkpoints and the log go
 * @param data what to train on
 * @param training how to train
 * @param ignored keys of the file that do nothing here, each with the reason
 */
public record PretrainRecipe(
    String name,
    ModelConfig model,
    String tokenizer,
    String startFrom,
    int expertWarmupSteps,
    String outputFolder,
    DataMixture data,
    TrainingSettings training,
    List<String> ignored)
    implements Recipe {
  /** Checks the parts against each other. */
  public PretrainRecipe {
    ignored = List.copyOf(ignored);
    check(
        training.sequenceLength() <= model.maxPositionEmbeddings(),
        "sequence_length %d is more than max_position_embeddings %d; raise that to %d",
        training.sequenceLength(),
        model.maxPositionEmbeddings(),
        training.sequenceLength());
    check(
        expertWarmupSteps == 0 || model.isMoe(),
        "expert_warmup_steps %d needs experts; set it to 0, or is_moe to true",
        expertWarmupSteps);
    check(
        expertWarmupSteps >= 0
            && (training.maxSteps() == 0 || expertWarmupSteps <= training.maxSteps()),
        "expert_warmup_steps %d is outside 0 to max_steps %d; use the schedule's warmup_steps",
        expertWarmupSteps,
        training.maxSteps());
  }

  /** Reads a recipe that must be of this stage, see {@link Recipe#load(Path, String...)}. */
  public static PretrainRecipe load(String file, String... overrides) {
    return RecipeReader.as(PretrainRecipe.class, file, overrides);
  }

  static PretrainRecipe read(Fields f, String name, List<String> ignored) {
    f.require("model", "data");
    return new PretrainRecipe(
        name,
        ModelKeys.readStrictly(f.map("model"), recipeDefaults()),
        f.text("tokenizer", "datasets/doge-tokenizer"),
        f.text("start_from", ""),
        f.integer("expert_warmup_steps", 0),
        f.text("output_folder", "runs/" + name),
        DataMixture.read(f.map("data")),
        TrainingSettings.read(f),
        ignored);
  }

  /** The defaults of {@link ModelConfig}, but no rope scaling, as in the reference's recipes. */
  private static ModelConfig.Edit recipeDefaults() {
    ModelConfig.Edit edit = new ModelConfig.Edit();
    edit.ropeScaling = RopeScaling.NONE;
    return edit;
  }

  @Override
  public String stage() {
    return "pretrain";
  }

  @Override
  public Map<String, Object> keys() {
    Map<String, Object> keys = new LinkedHashMap<>();
    keys.put("stage", stage());
    keys.put("name", name);
    keys.put("tokenizer", tokenizer);
    if (!startFrom.isEmpty()) {
      keys.put("start_from", startFrom);
    }
    keys.put("output_folder", outputFolder);
    Map<String, Object> modelKeys = new LinkedHashMap<>(ModelKeys.write(model));
    modelKeys.values().removeIf(value -> value == null);
    keys.put("model", modelKeys);
    if (expertWarmupSteps > 0) {
      keys.put("expert_warmup_steps", expertWarmupSteps);
    }
    keys.put("data", data.keys());
    keys.putAll(training.keys());
    return keys;
  }

  @Override
  public String toString() {
    return toText();
  }
}
