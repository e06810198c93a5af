package dev.smalldoge.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.ModelConfig;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelWeightsTest {
  private static final ModelConfig DENSE =
      ModelConfig.tiny()
          .with(
              e -> {
                e.vocabSize = 16;
                e.hiddenSize = 8;
                e.intermediateSize = 4;
                e.numHiddenLayers = 2;
                e.numAttentionHeads = 2;
                e.numKeyValueHeads = 1;
              });
  private static final ModelConfig MOE = DENSE.withExperts(4, 2);

  @TempDir Path folder;

  /** Saves zeros of the given shapes, but for the first value of each tensor. */
  private void save(Map<String, long[]> shapes, float first) {
    SafetensorsWriter writer = SafetensorsWriter.to(folder);
    shapes.forEach(
        (name, shape) -> {
          float[] values = new float[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
          values[0] = first;
          writer.addFloats(name, DType.BF16, shape, () -> FloatBuffer.wrap(values));
        });
    writer.write();
  }

  private static Map<String, long[]> shapes(ModelConfig config) {
    return new LinkedHashMap<>(WeightNames.expected(config));
  }

  private void refused(ModelConfig config, String... parts) {
    assertThatThrownBy(() -> ModelWeights.open(folder, config))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining(folder.toString())
        .hasMessageContainingAll(parts);
  }

  @Test
  void aWholeCheckpointOpens() {
    save(shapes(MOE), 0.5f);
    try (ModelWeights weights = ModelWeights.open(folder, MOE)) {
      assertThat(weights.absent()).isEmpty();
      assertThat(weights.ignored()).isEmpty();
      assertThat(weights.names()).hasSameElementsAs(WeightNames.expected(MOE).keySet());
      assertThat(weights.floats("model.norm.weight").get(0)).isEqualTo(0.5f);
      weights.requireFinite();
    }
  }

  @Test
  void formerNamesOpenUnderTodays() {
    Map<String, long[]> former = new LinkedHashMap<>();
    WeightNames.expected(DENSE)
        .forEach(
            (name, shape) ->
                former.put(
                    name.replace("embed_tokens", "word_embed")
                        .replace("model.norm", "model.final_layernorm")
                        .replace("input_layernorm", "pre_layernorm")
                        .replace("input_residual", "pre_residual.weight")
                        .replace("post_attention_layernorm", "post_layernorm")
                        .replace("post_attention_residual", "post_residual.weight")
                        .replace(".mlp.", ".feed_forward."),
                    shape));
    former.put("lm_head.weight", new long[] {16, 8});
    save(former, 2);
    try (ModelWeights weights = ModelWeights.open(folder, DENSE)) {
      assertThat(weights.names()).hasSameElementsAs(WeightNames.expected(DENSE).keySet());
      assertThat(weights.info("model.layers.1.input_residual").name())
          .isEqualTo("model.layers.1.pre_residual.weight");
      assertThat(weights.floats("model.layers.1.input_residual").get(0)).isEqualTo(2);
      assertThat(weights.ignored())
          .containsExactly("lm_head.weight: the head is tied to the embedding");
    }
  }

  @Test
  void aDenseCheckpointStartsAMixtureOfExperts() {
    save(shapes(DENSE), 1);
    try (ModelWeights weights = ModelWeights.open(folder, MOE)) {
      assertThat(weights.absent()).hasSize(6).allMatch(WeightNames::isExpert);
    }
  }

  @Test
  void halfAMixtureIsRefused() {
    Map<String, long[]> shapes = shapes(MOE);
    shapes.remove("model.layers.1.mlp.up_embed.weight");
    save(shapes, 1);
    refused(MOE, "model.layers.1.mlp.up_embed.weight", "[4, 8]", "not whole");
    refused(DENSE, "router_gate", "is_moe is false");
  }

  @Test
  void anotherShapeIsTold() {
    save(shapes(DENSE), 1);
    refused(
        DENSE.with(e -> e.intermediateSize = 6),
        "\"model.layers.0.mlp.gate_proj.weight\"",
        "shape [4, 8], expected [6, 8]");
    refused(DENSE.withVocabSize(17), "[16, 8], expected [17, 8]");
    refused(DENSE.withNumHiddenLayers(3), "no tensor \"model.layers.2");
    refused(DENSE.withNumHiddenLayers(1), "\"model.layers.1", "which its configuration does not");
    refused(DENSE.with(e -> e.tieWordEmbeddings = false), "lm_head", "tie_word_embeddings to true");
  }

  @Test
  void aCheckpointOfBeforeTheNormsIsTold() {
    Map<String, long[]> shapes = shapes(DENSE);
    shapes.keySet().removeIf(name -> name.contains("q_norm") || name.contains("k_norm"));
    save(shapes, 1);
    refused(DENSE, "q_norm", "before 2025-07");
  }

  @Test
  void aHeadThatIsNotTheEmbeddingIsTold() {
    Map<String, long[]> shapes = shapes(DENSE.with(e -> e.tieWordEmbeddings = false));
    SafetensorsWriter writer = SafetensorsWriter.to(folder);
    shapes.forEach(
        (name, shape) -> {
          float[] values = new float[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
          values[0] = name.equals("lm_head.weight") ? 1 : 2;
          writer.addFloats(name, DType.F32, shape, () -> FloatBuffer.wrap(values));
        });
    writer.write();
    refused(DENSE, "lm_head.weight", "differs from the embedding");
  }

  @Test
  void aClassifierStartsFromALanguageModel() {
    save(shapes(DENSE), 1);
    try (ModelWeights weights = ModelWeights.openForClassification(folder, DENSE)) {
      assertThat(weights.absent()).containsExactly("score.weight");
    }
  }

  @Test
  void notANumberIsTold() {
    save(shapes(DENSE), Float.NaN);
    try (ModelWeights weights = ModelWeights.open(folder, DENSE)) {
      assertThatThrownBy(weights::requireFinite)
          .isInstanceOf(DogeException.class)
          .hasMessageContainingAll("model.embed_tokens.weight", "NaN", "index 0");
    }
  }
}
