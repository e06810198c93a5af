package dev.smalldoge.io;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.Fields;
import dev.smalldoge.config.GenerationConfig;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.ModelKeys;
import dev.smalldoge.config.RopeScaling;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * {@code config.json} and {@code generation_config.json} of a Hugging Face model folder.
 *
 * <p>Reading follows transformers: a key that is absent has its class's default, which is not the
 * default of {@link ModelConfig}. Former spellings (rope_theta, rope_scaling, torch_dtype) are
 * read, today's are written.
 */
public final class ConfigFiles {
  /** The name of the model's file. */
  public static final String CONFIG = "config.json";

  /** The name of the generation settings' file. */
  public static final String GENERATION = "generation_config.json";

  /** The architecture of a causal language model. */
  public static final String CAUSAL_LM = "DogeForCausalLM";

  /** The architecture of a sequence classifier. */
  public static final String CLASSIFIER = "DogeForSequenceClassification";

  private static final Map<String, DType> DTYPES =
      Map.of("float32", DType.F32, "bfloat16", DType.BF16, "float16", DType.F16);

  private static final Gson GSON = new GsonBuilder().serializeNulls().create();

  private ConfigFiles() {}

  /**
   * What a {@code config.json} says.
   *
   * @param model the model's shape
   * @param architecture {@link #CAUSAL_LM} or {@link #CLASSIFIER}
   * @param dtype the type its weights were saved in
   * @param extra keys of others, which {@link #write} hands on
   * @param notes each key that was ignored or filled in, with the reason
   */
  public record Loaded(
      ModelConfig model,
      String architecture,
      DType dtype,
      Map<String, Object> extra,
      List<String> notes) {
    /** A causal language model saved in F32. */
    public static Loaded of(ModelConfig model) {
      return new Loaded(model, CAUSAL_LM, DType.F32, Map.of(), List.of());
    }

    /** A sequence classifier saved in F32. */
    public static Loaded ofClassifier(ModelConfig model) {
      return new Loaded(model, CLASSIFIER, DType.F32, Map.of(), List.of());
    }

    /** The same with another type of weights. */
    public Loaded withDtype(DType dtype) {
      return new Loaded(model, architecture, dtype, extra, notes);
    }
  }

  /** The model of a {@code config.json}, given as a file or by its folder. */
  public static ModelConfig readModelConfig(Path fileOrFolder) {
    return read(fileOrFolder).model();
  }

  /**
   * Reads a {@code config.json}, given as a file or by its folder.
   *
   * @throws DogeException if it is missing, is of another kind of model, or contradicts itself
   */
  public static Loaded read(Path fileOrFolder) {
    Path file = Files.isDirectory(fileOrFolder) ? fileOrFolder.resolve(CONFIG) : fileOrFolder;
    Fields fields = JsonFiles.fields(file);
    List<String> notes = new ArrayList<>();
    String type = fields.text("model_type", "doge");
    check(
        type.equals("doge") || type.equals("doge2"),
        "%s is of model_type \"%s\", expected \"doge\"; give the folder of a Doge",
        file,
        type);
    check(
        !fields.has("quantization_config"),
        "%s has a quantization_config, and quantized weights are not read; take the original",
        file);
    String architecture = architecture(file, fields);
    DType dtype = dtype(file, fields);
    ModelConfig model = ModelKeys.read(fields, defaults(type, fields));
    if (model.isMoe() && !fields.has("routing")) {
      notes.add(
          "routing is not given, so per_token; weights trained by transformers were routed"
              + " otherwise, add \"routing\": \"legacy\" for those");
    }
    if (fields.raw("eos_token_id") instanceof List<?> ends && ends.size() > 1) {
      notes.add("eos_token_id has several ids; training uses the first, generation all");
    }
    Map<String, Object> extra = new LinkedHashMap<>();
    for (String key : fields.unread()) {
      if (ModelKeys.IGNORED.containsKey(key)) {
        notes.add(key + " is ignored: " + ModelKeys.IGNORED.get(key));
      } else {
        extra.put(key, fields.raw(key));
        notes.add(key + " is not known here, and kept for others");
      }
    }
    return new Loaded(model, architecture, dtype, extra, List.copyOf(notes));
  }

  private static String architecture(Path file, Fields fields) {
    Object value = fields.raw("architectures");
    if (value == null) {
      return CAUSAL_LM;
    }
    String name =
        value instanceof List<?> list && list.size() == 1 ? String.valueOf(list.get(0)) : "";
    String today = name.replaceFirst("^Doge2", "Doge").replaceFirst("^DogeModel$", CAUSAL_LM);
    check(
        today.equals(CAUSAL_LM) || today.equals(CLASSIFIER),
        "%s: architectures is %s, expected [\"%s\"] or [\"%s\"]",
        file,
        value,
        CAUSAL_LM,
        CLASSIFIER);
    return today;
  }

  private static DType dtype(Path file, Fields fields) {
    String former = fields.text("torch_dtype", "float32");
    String name = fields.text("dtype", former);
    check(
        !fields.has("torch_dtype") || name.equals(former),
        "%s: dtype \"%s\" contradicts torch_dtype \"%s\"; keep one of them",
        file,
        name,
        former);
    check(
        DTYPES.containsKey(name),
        "%s: dtype \"%s\" is not one of %s",
        file,
        name,
        new TreeMap<>(DTYPES).keySet());
    return DTYPES.get(name);
  }

  /** The defaults of the Python class that the file was written by. */
  private static ModelConfig.Edit defaults(String type, Fields fields) {
    boolean second = type.equals("doge2");
    ModelConfig.Edit e = new ModelConfig.Edit();
    e.hiddenSize = 1_024;
    e.intermediateSize = second ? 4_096 : 2_048;
    e.numHiddenLayers = 32;
    e.numAttentionHeads = 8;
    e.tieWordEmbeddings = false;
    e.ropeScaling = RopeScaling.NONE;
    e.numExperts = second ? 4_096 : 16_384;
    e.eosTokenId = second ? 2 : 1;
    e.padTokenId = second ? 0 : 2;
    if (fields.has("eos_token_id") && !fields.has("pad_token_id")) {
      e.padTokenId = fields.integers("eos_token_id").stream().findFirst().orElse(e.padTokenId);
    }
    return e;
  }

  /** Writes {@code file}, the {@code config.json} of a language model saved in F32. */
  public static void writeModelConfig(ModelConfig model, Path file) {
    write(Loaded.of(model), file);
  }

  /** Writes {@code file}, a {@code config.json}, with the keys of others that it had. */
  public static void write(Loaded config, Path file) {
    JsonFiles.write(file, json(config));
  }

  /** Writes both files of a model's folder aside, to appear with its weights. */
  public static void write(Loaded config, Path folder, WrittenAside aside) {
    JsonFiles.write(folder.resolve(CONFIG), json(config), aside);
    JsonFiles.write(folder.resolve(GENERATION), json(GenerationConfig.of(config.model())), aside);
  }

  private static JsonObject json(Loaded config) {
    Map<String, Object> keys = new TreeMap<>(config.extra());
    keys.putAll(ModelKeys.write(config.model()));
    keys.put("architectures", List.of(config.architecture()));
    keys.put("model_type", "doge");
    keys.put("use_cache", true);
    DTYPES.forEach(
        (name, type) -> {
          if (type == config.dtype()) {
            keys.put("dtype", name);
          }
        });
    return GSON.toJsonTree(keys).getAsJsonObject();
  }

  private static JsonObject json(GenerationConfig generation) {
    return GSON.toJsonTree(generation.keys()).getAsJsonObject();
  }

  /**
   * Reads the {@code generation_config.json} of a folder; without one, the defaults with the ids of
   * the model.
   *
   * @throws DogeException if it asks for something that cannot be done
   */
  public static GenerationConfig readGeneration(Path folder, ModelConfig model) {
    Path file = folder.resolve(GENERATION);
    return Files.exists(file)
        ? GenerationConfig.read(JsonFiles.fields(file), model)
        : GenerationConfig.of(model);
  }

  /** Writes {@code file}, a {@code generation_config.json}. */
  public static void writeGeneration(GenerationConfig generation, Path file) {
    JsonFiles.write(file, json(generation));
  }
}
