package dev.smalldoge.config;

import static dev.smalldoge.config.Checks.check;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Reads recipes: the file, the overrides, the translation of the reference's style, the stage. */
final class RecipeReader {
  /** The keys of each stage, beyond those of its training. */
  private static final Map<String, Set<String>> KEYS =
      Map.of(
          "pretrain",
          Set.of(
              "stage",
              "name",
              "output_folder",
              "data",
              "model",
              "tokenizer",
              "start_from",
              "expert_warmup_steps"),
          "sft",
          Set.of(
              "stage",
              "name",
              "output_folder",
              "data",
              "start_from",
              "assistant_only",
              "system_prompt",
              "lora"),
          "dpo",
          Set.of(
              "stage",
              "name",
              "output_folder",
              "data",
              "start_from",
              "loss",
              "beta",
              "label_smoothing",
              "max_prompt_length",
              "system_prompt",
              "lora"));

  private RecipeReader() {}

  static Recipe read(Path file, List<String> overrides) {
    Map<String, Object> keys = Yaml.read(file);
    overrides.forEach(override -> replace(keys, override));
    List<String> ignored = new ArrayList<>();
    Map<String, Object> ours =
        ReferenceRecipe.recognizes(keys.keySet())
            ? new ReferenceRecipe(file, keys, ignored).translate()
            : keys;
    Fields fields = new Fields(file.toString(), ours);
    fields.require("stage");
    String stage = fields.text("stage", "");
    check(
        KEYS.containsKey(stage),
        "%s: stage \"%s\" is not known; use pretrain, sft or dpo",
        file,
        stage);
    Set<String> known = new TreeSet<>(TrainingSettings.KEYS);
    known.addAll(KEYS.get(stage));
    fields.requireKnown(known);
    fields.require("name");
    String name = fields.text("name", "");
    check(
        name.matches("[A-Za-z0-9][A-Za-z0-9 ._-]*"),
        "%s: name \"%s\" must be letters, digits, spaces, dots, dashes",
        file,
        name);
    try {
      return switch (stage) {
        case "pretrain" -> PretrainRecipe.read(fields, name, ignored);
        case "sft" -> SftRecipe.read(fields, name, ignored);
        default -> DpoRecipe.read(fields, name, ignored);
      };
    } catch (DogeException refused) {
      String message = refused.getMessage();
      throw message.startsWith(file.toString())
          ? refused
          : new DogeException(file + ": " + message, refused);
    }
  }

  static <R extends Recipe> R as(Class<R> type, String file, String... overrides) {
    Recipe recipe = Recipe.load(file, overrides);
    check(
        type.isInstance(recipe),
        "%s is a recipe of stage %s; give one of another stage, or use Recipe.load",
        file,
        recipe.stage());
    return type.cast(recipe);
  }

  /** Puts the value of {@code key.inner=value}, which is read as YAML, in its place. */
  private static void replace(Map<String, Object> keys, String override) {
    int equals = override.indexOf('=');
    check(equals > 0, "\"%s\" is no override; write key=value", override);
    String[] path = override.substring(0, equals).split("\\.", -1);
    Map<String, Object> inner = keys;
    for (int i = 0; i < path.length - 1; i++) {
      Map<String, Object> copy = new LinkedHashMap<>();
      if (inner.get(path[i]) instanceof Map<?, ?> map) {
        map.forEach((key, value) -> copy.put(String.valueOf(key), value));
      }
      inner.put(path[i], copy);
      inner = copy;
    }
    inner.put(
        path[path.length - 1],
        Yaml.parse("the override " + override, override.substring(equals + 1)));
  }
}
