package dev.smalldoge.config;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Supervised fine-tuning of a pre-trained model on conversations.
 *
 * @param name what the run is called
 * @param startFrom folder or hub name of the model to start from
 * @param outputFolder where checkpoints and the log go
 * @param data what to train on
 * @param training how to train
 * @param assistantOnly whether only the assistant's tokens are trained on; otherwise all
 * @param systemPrompt first message of every conversation; empty for none
 * @param lora adapters that are trained in place of whole weights; null for none
 * @param ignored keys of the file that do nothing here, each with the reason
 */
public record SftRecipe(
    String name,
    String startFrom,
    String outputFolder,
    DataMixture data,
    TrainingSettings training,
    boolean assistantOnly,
    String systemPrompt,
    LoraSettings lora,
    List<String> ignored)
    implements Recipe {
  /** Takes its own copy of the list. */
  public SftRecipe {
    ignored = List.copyOf(ignored);
  }

  /** Reads a recipe that must be of this stage, see {@link Recipe#load(Path, String...)}. */
  public static SftRecipe load(String file, String... overrides) {
    return RecipeReader.as(SftRecipe.class, file, overrides);
  }

  static SftRecipe read(Fields f, String name, List<String> ignored) {
    f.require("start_from", "data");
    return new SftRecipe(
        name,
        f.text("start_from", ""),
        f.text("output_folder", "runs/" + name),
        DataMixture.read(f.map("data")),
        TrainingSettings.read(f),
        f.flag("assistant_only", true),
        f.text("system_prompt", ""),
        LoraSettings.read(f.map("lora")),
        ignored);
  }

  @Override
  public String stage() {
    return "sft";
  }

  @Override
  public Map<String, Object> keys() {
    Map<String, Object> keys = new LinkedHashMap<>();
    keys.put("stage", stage());
    keys.put("name", name);
    keys.put("start_from", startFrom);
    keys.put("output_folder", outputFolder);
    keys.put("data", data.keys());
    keys.put("assistant_only", assistantOnly);
    if (!systemPrompt.isEmpty()) {
      keys.put("system_prompt", systemPrompt);
    }
    if (lora != null) {
      keys.put("lora", lora.keys());
    }
    keys.putAll(training.keys());
    return keys;
  }

  @Override
  public String toString() {
    return toText();
  }
}
