package dev.smalldoge.config;

import static dev.smalldoge.config.Checks.check;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Direct preference optimisation of a fine-tuned model on pairs of answers; the reference model is
 * the model it starts from, frozen.
 *
 * @param name what the run is called
 * @param startFrom folder or hub name of the model to start from
 * @param outputFolder where checkpoints and the log go
 * @param data what to train on
 * @param training how to train; sequenceLength is that of prompt and answer together
 * @param loss form, beta and label smoothing of the loss
 * @param maxPromptLength tokens of the prompt that are kept, counted from its end
 * @param systemPrompt first message of every conversation; empty for none
 * @param lora adapters that are trained in place of whole weights; null for none
 * @param ignored keys of the file that do nothing here, each with the reason
 */
public record DpoRecipe(
    String name,
    String startFrom,
    String outputFolder,
    DataMixture data,
    TrainingSettings training,
    PreferenceLoss loss,
    int maxPromptLength,
    String systemPrompt,
    LoraSettings lora,
    List<String> ignored)
    implements Recipe {
  /** Checks the ranges. */
  public DpoRecipe {
    ignored = List.copyOf(ignored);
    check(
        maxPromptLength > 0 && maxPromptLength < training.sequenceLength(),
        "max_prompt_length %d is outside 1 to sequence_length %d, which holds the answer too; use"
            + " half of that",
        maxPromptLength,
        training.sequenceLength());
  }

  /** Reads a recipe that must be of this stage, see {@link Recipe#load(Path, String...)}. */
  public static DpoRecipe load(String file, String... overrides) {
    return RecipeReader.as(DpoRecipe.class, file, overrides);
  }

  static DpoRecipe read(Fields f, String name, List<String> ignored) {
    f.require("start_from", "data");
    return new DpoRecipe(
        name,
        f.text("start_from", ""),
        f.text("output_folder", "runs/" + name),
        DataMixture.read(f.map("data")),
        TrainingSettings.read(f),
        new PreferenceLoss(
            f.choice("loss", PreferenceLoss.Form.class, PreferenceLoss.Form.SIGMOID),
            f.number("beta", 0.1),
            f.number("label_smoothing", 0)),
        f.integer("max_prompt_length", 512),
        f.text("system_prompt", ""),
        LoraSettings.read(f.map("lora")),
        ignored);
  }

  @Override
  public String stage() {
    return "dpo";
  }

  @Override
  public Map<String, Object> keys() {
    Map<String, Object> keys = new LinkedHashMap<>();
    keys.put("stage", stage());
    keys.put("name", name);
    keys.put("start_from", startFrom);
    keys.put("output_folder", outputFolder);
    keys.put("data", data.keys());
    if (loss.form() != PreferenceLoss.Form.SIGMOID) {
      keys.put("loss", loss.form().name().toLowerCase(Locale.ROOT));
    }
    keys.put("beta", loss.beta());
    keys.put("label_smoothing", loss.labelSmoothing());
    keys.put("max_prompt_length", maxPromptLength);
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
