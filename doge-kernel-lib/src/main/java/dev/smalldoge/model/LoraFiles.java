package dev.smalldoge.model;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.JsonArray;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.Fields;
import dev.smalldoge.config.LoraSettings;
import dev.smalldoge.io.DType;
import dev.smalldoge.io.JsonFiles;
import dev.smalldoge.io.Safetensors;
import dev.smalldoge.io.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Adapters as PEFT has them: a folder with {@code adapter_config.json} and {@code
 * adapter_model.safetensors}.
 */
public final class LoraFiles {
  private static final String CONFIG = "adapter_config.json";
  private static final String FACTORS = "adapter_model.safetensors";

  private LoraFiles() {}

  /**
   * Writes an adapter.
   *
   * @param folder made where it is not there
   * @param baseModel folder or hub name of the model that it belongs to
   */
  public static void save(LoraAdapter adapter, Path folder, String baseModel) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new DogeException("Cannot create " + folder + " (" + e + "); choose another folder", e);
    }
    SafetensorsWriter writer = SafetensorsWriter.to(folder.resolve(FACTORS));
    writer.metadata("format", "pt");
    adapter
        .factors()
        .byName()
        .forEach((name, tensor) -> writer.add(name, DType.F32, tensor.shape(), tensor::toBytes));
    writer.write();
    JsonFiles.write(folder.resolve(CONFIG), config(adapter.settings(), baseModel));
  }

  private static JsonObject config(LoraSettings settings, String baseModel) {
    JsonObject config = new JsonObject();
    config.addProperty("base_model_name_or_path", baseModel);
    config.addProperty("bias", "none");
    config.addProperty("fan_in_fan_out", false);
    config.addProperty("inference_mode", true);
    config.addProperty("init_lora_weights", true);
    config.addProperty("lora_alpha", settings.alpha());
    config.addProperty("lora_dropout", 0.0);
    config.add("modules_to_save", JsonNull.INSTANCE);
    config.addProperty("peft_type", "LORA");
    config.addProperty("r", settings.rank());
    JsonArray modules = new JsonArray();
    settings.targetModules().forEach(modules::add);
    config.add("target_modules", modules);
    config.addProperty("task_type", "CAUSAL_LM");
    config.addProperty("use_dora", false);
    config.addProperty("use_rslora", false);
    return config;
  }

  /**
   * Opens an adapter and merges it into the model that it was made for.
   *
   * @throws DogeException if it is none of PEFT's LoRA kind, needs what Doge's adapters do not
   *     have, or its factors do not fit the model
   */
  public static LoraAdapter open(DogeForCausalLm model, Path folder) {
    Path file = folder.resolve(CONFIG);
    LoraSettings settings = settings(JsonFiles.fields(file));
    try (Safetensors stored = Safetensors.open(folder.resolve(FACTORS))) {
      LoraAdapter adapter =
          LoraAdapter.of(
              model,
              settings,
              name -> {
                long[] shape = LoraAdapter.shape(model, settings, name);
                check(
                    stored.names().contains(name),
                    "%s has no %s; use the model that the adapter was made for",
                    folder,
                    name);
                check(
                    Arrays.equals(stored.info(name).shape(), shape),
                    "%s of %s has shape %s, but this model needs %s; use the model that the"
                        + " adapter was made for",
                    name,
                    folder,
                    Arrays.toString(stored.info(name).shape()),
                    Arrays.toString(shape));
                return model.operations().floats(stored.floats(name), shape);
              });
      for (String name : stored.names()) {
        check(
            adapter.factors().byName().containsKey(name),
            "%s has %s, which this model has no place for; use the model that the adapter was made"
                + " for",
            folder,
            name);
      }
      return adapter;
    }
  }

  /** The folder or hub name of the model that an adapter says it belongs to; empty if unsaid. */
  public static String baseModel(Path folder) {
    return JsonFiles.fields(folder.resolve(CONFIG)).text("base_model_name_or_path", "");
  }

  private static LoraSettings settings(Fields config) {
    check(
        config.text("peft_type", "none").equals("LORA"),
        "%s is of type %s; only LORA adapters can be used",
        config.where(),
        config.raw("peft_type"));
    for (String flag : List.of("use_dora", "fan_in_fan_out")) {
      check(
          !config.flag(flag, false),
          "%s sets %s, which is not supported; train the adapter without it",
          config.where(),
          flag);
    }
    for (String more : List.of("modules_to_save", "rank_pattern", "alpha_pattern")) {
      check(
          isEmpty(config.raw(more)),
          "%s has %s, which is not supported; train the adapter without it",
          config.where(),
          more);
    }
    String bias = config.text("bias", "none");
    check(
        bias.equals("none"),
        "%s trains biases (%s), which is not supported; train the adapter with bias none",
        config.where(),
        bias);
    config.require("r", "lora_alpha", "target_modules");
    int rank = config.integer("r", 0);
    double alpha = config.number("lora_alpha", 0);
    // rank-stabilised LoRA scales by alpha / √rank
    double scaled = config.flag("use_rslora", false) ? alpha * Math.sqrt(rank) : alpha;
    try {
      return new LoraSettings(rank, scaled, config.texts("target_modules", List.of()));
    } catch (DogeException refused) {
      throw new DogeException(config.where() + ": " + refused.getMessage(), refused);
    }
  }

  private static boolean isEmpty(Object value) {
    return value == null
        || (value instanceof List<?> list && list.isEmpty())
        || (value instanceof Map<?, ?> map && map.isEmpty());
  }
}
