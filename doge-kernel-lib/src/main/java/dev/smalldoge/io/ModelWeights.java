package dev.smalldoge.io;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.NearestWord;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The weights of a checkpoint, checked against a configuration, by today's names.
 *
 * <p>A checkpoint of before 2025-07 is read under its former names. A dense checkpoint opens for a
 * CDMoE configuration as its start: router and experts are then {@linkplain #absent absent} and to
 * be made new. The same holds for a head of another kind.
 *
 * <p>Example: {@code try (var weights = ModelWeights.open(folder, config)) {
 * weights.requireFinite(); }}.
 */
public final class ModelWeights implements AutoCloseable {
  private final Safetensors file;
  private final Map<String, String> stored = new LinkedHashMap<>();
  private final Set<String> absent = new LinkedHashSet<>();
  private final List<String> ignored = new ArrayList<>();

  private ModelWeights(Safetensors file) {
    this.file = file;
  }

  /**
   * Opens the weights of a causal language model.
   *
   * @throws DogeException naming the file, the tensor, its expected and its found shape
   */
  public static ModelWeights open(Path fileOrFolder, ModelConfig config) {
    return open(fileOrFolder, config, WeightNames.expected(config));
  }

  /** Opens the weights of a sequence classifier; the head is absent in a language model. */
  public static ModelWeights openForClassification(Path fileOrFolder, ModelConfig config) {
    return open(fileOrFolder, config, WeightNames.expectedForClassification(config));
  }

  private static ModelWeights open(Path path, ModelConfig config, Map<String, long[]> expected) {
    Safetensors file = Safetensors.open(path);
    try {
      ModelWeights weights = new ModelWeights(file);
      weights.readNames(path, config, expected);
      weights.requireShapes(path, expected);
      return weights;
    } catch (DogeException e) {
      file.close();
      throw e;
    }
  }

  private void readNames(Path path, ModelConfig config, Map<String, long[]> expected) {
    for (String name : file.names()) {
      String today = WeightNames.today(name).orElse(null);
      if (today == null) {
        ignored.add(name + ": today's model has none");
      } else if (expected.containsKey(today)) {
        String other = stored.put(today, name);
        check(
            other == null,
            "%s has tensor \"%s\" under its former name \"%s\" too; keep one of them",
            path,
            other,
            name);
      } else if (today.equals(WeightNames.HEAD) && config.tieWordEmbeddings()) {
        ignored.add(name + ": the head is tied to the embedding");
      } else if (today.equals(WeightNames.HEAD) || today.equals(WeightNames.SCORE)) {
        ignored.add(name + ": the head of another kind of model");
      } else {
        throw unexpected(path, name, today, config, expected);
      }
    }
    requireTiedHead(path, config);
  }

  private static DogeException unexpected(
      Path path, String name, String today, ModelConfig config, Map<String, long[]> expected) {
    String because;
    if (WeightNames.isExpert(today) && !config.isMoe()) {
      because = "is_moe is false there; set it to true";
    } else if (today.endsWith(".bias")) {
      because = "attention_bias and mlp_bias are false there; set the one it belongs to to true";
    } else {
      String hint = NearestWord.hint(today, expected.keySet());
      because = "use the config.json that belongs to these weights" + hint;
    }
    return new DogeException(
        String.format(
            "%s has tensor \"%s\", which its configuration does not: %s", path, name, because));
  }

  /** A saved head of a tied model must be the embedding, or the configuration is wrong. */
  private void requireTiedHead(Path path, ModelConfig config) {
    if (config.tieWordEmbeddings()
        && file.names().contains(WeightNames.HEAD)
        && stored.containsKey(WeightNames.EMBEDDING)) {
      check(
          file.bytes(WeightNames.HEAD).equals(file.bytes(stored.get(WeightNames.EMBEDDING))),
          "%s has tensor \"%s\" that differs from the embedding, but tie_word_embeddings is true;"
              + " set it to false",
          path,
          WeightNames.HEAD);
    }
  }

  private void requireShapes(Path path, Map<String, long[]> expected) {
    expected.forEach(
        (name, shape) -> {
          if (!stored.containsKey(name)) {
            absent.add(name);
            return;
          }
          TensorInfo info = file.info(stored.get(name));
          check(
              Arrays.equals(info.shape(), shape),
              "%s: tensor \"%s\" has shape %s, expected %s; use the config.json that belongs to"
                  + " these weights",
              info.file(),
              info.name(),
              Arrays.toString(info.shape()),
              Arrays.toString(shape));
          check(
              info.dtype().isFloat(),
              "%s: tensor \"%s\" is %s, expected F32, F16 or BF16; convert it",
              info.file(),
              info.name(),
              info.dtype());
        });
    requireWholeParts(path, expected);
  }

  /** Only all experts together, or a head, may be absent. */
  private void requireWholeParts(Path path, Map<String, long[]> expected) {
    boolean anyExpert = stored.keySet().stream().anyMatch(WeightNames::isExpert);
    boolean anyHead = file.names().contains(WeightNames.HEAD);
    for (String name : absent) {
      boolean mayBeNew =
          (WeightNames.isExpert(name) && !anyExpert) || (name.equals(WeightNames.SCORE) && anyHead);
      boolean tied = name.equals(WeightNames.SCORE) && !anyHead;
      check(
          mayBeNew || tied,
          "%s has no tensor \"%s\", expected one of shape %s%s",
          path,
          name,
          Arrays.toString(expected.get(name)),
          missing(name));
    }
  }

  private static String missing(String name) {
    if (name.endsWith("q_norm.weight") || name.endsWith("k_norm.weight")) {
      return "; weights of before 2025-07 have none and compute otherwise, take a newer checkpoint";
    }
    return name.equals(WeightNames.HEAD)
        ? "; if the head is the embedding, set tie_word_embeddings to true"
        : "; the checkpoint is not whole, fetch it again";
  }

  /** Expected names that the checkpoint does not have and that are to be made new. */
  public Set<String> absent() {
    return Collections.unmodifiableSet(absent);
  }

  /** Tensors of the checkpoint that are not used, each with the reason. */
  public List<String> ignored() {
    return Collections.unmodifiableList(ignored);
  }

  /** Today's names of the weights that are there. */
  public Set<String> names() {
    return Collections.unmodifiableSet(stored.keySet());
  }

  /** What the file says of a weight, under the name it has there. */
  public TensorInfo info(String name) {
    return file.info(stored.getOrDefault(name, name));
  }

  /** A weight's values, see {@link Safetensors#floats}. */
  public FloatBuffer floats(String name) {
    return file.floats(stored.getOrDefault(name, name));
  }

  /** A weight's values as native F32 bytes, see {@link Safetensors#floatBytes}. */
  public ByteBuffer floatBytes(String name) {
    return file.floatBytes(stored.getOrDefault(name, name));
  }

  /** The entries of the file's {@code __metadata__}. */
  public Map<String, String> metadata() {
    return file.metadata();
  }

  /**
   * Reads every weight once and fails at the first value that is not finite.
   *
   * @throws DogeException naming the file, the tensor, the value and its index
   */
  public void requireFinite() {
    for (String name : stored.keySet()) {
      FloatBuffer values = floats(name);
      for (int i = 0; i < values.limit(); i++) {
        if (!Float.isFinite(values.get(i))) {
          throw new DogeException(
              String.format(
                  "%s: tensor \"%s\" has the value %s at index %d, expected finite numbers; the"
                      + " run had diverged when it was saved, use an earlier checkpoint",
                  info(name).file(), info(name).name(), values.get(i), i));
        }
      }
    }
  }

  @Override
  public void close() {
    file.close();
  }
}
