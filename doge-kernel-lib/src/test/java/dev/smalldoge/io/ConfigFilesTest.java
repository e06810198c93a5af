package dev.smalldoge.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonParser;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.GenerationConfig;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.ModelConfig.LoadBalancing;
import dev.smalldoge.config.ModelConfig.Routing;
import dev.smalldoge.config.RopeScaling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigFilesTest {
  /** As transformers 5.17 writes it. */
  static final String TODAY =
      """
      {
        "architectures": ["DogeForCausalLM"],
        "attention_bias": false,
        "attention_dropout": 0.0,
        "bos_token_id": 0,
        "dtype": "float32",
        "eos_token_id": 1,
        "hidden_act": "silu",
        "hidden_dropout": 0.0,
        "hidden_size": 64,
        "initializer_range": 0.02,
        "intermediate_size": 128,
        "is_moe": false,
        "keep_window_size": 64,
        "max_position_embeddings": 64,
        "mlp_bias": false,
        "model_type": "doge",
        "norm_topk_prob": false,
        "num_attention_heads": 4,
        "num_experts": 16384,
        "num_experts_per_tok": 64,
        "num_hidden_layers": 2,
        "num_key_value_heads": 2,
        "output_router_logits": false,
        "pad_token_id": 2,
        "rms_norm_eps": 1e-06,
        "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"},
        "router_aux_loss_coef": 0.001,
        "sliding_window": null,
        "tie_word_embeddings": true,
        "transformers_version": "5.17.0",
        "use_cache": true,
        "vocab_size": 160
      }
      """;

  /** The keys of a Doge-20M of early 2025. */
  private static final String FORMER =
      """
      {
        "_name_or_path": "./results/Doge-20M",
        "architectures": ["DogeForCausalLM"],
        "auto_map": {"AutoConfig": "configuration_doge.DogeConfig"},
        "attention_dropout": 0.0,
        "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2,
        "dynamic_mask_ratio": 0.0,
        "hidden_act": "silu",
        "hidden_bias": false,
        "hidden_dropout": 0.0,
        "hidden_size": 256,
        "intermediate_size": 512,
        "is_moe": false,
        "max_position_embeddings": 2048,
        "model_type": "doge",
        "num_attention_heads": 2,
        "num_hidden_layers": 8,
        "num_key_value_heads": 1,
        "rope_scaling": {"factor": 4.0, "original_max_position_embeddings": 2048, "rope_type": "dynamic"},
        "rope_theta": 10000.0,
        "tie_word_embeddings": true,
        "torch_dtype": "bfloat16",
        "transformers_version": "4.48.0.dev0",
        "vocab_size": 32768,
        "my_own_key": [1, {"a": null}]
      }
      """;

  @TempDir Path folder;

  private Path config(String json) throws IOException {
    Files.writeString(folder.resolve(ConfigFiles.CONFIG), json);
    return folder;
  }

  @Test
  void todaysFileIsReadAndWrittenBackTheSame() throws IOException {
    ConfigFiles.Loaded loaded = ConfigFiles.read(config(TODAY));
    assertThat(loaded.model().keepWindowSize()).isEqualTo(64);
    assertThat(loaded.model().ropeScaling()).isEqualTo(RopeScaling.NONE);
    assertThat(loaded.dtype()).isEqualTo(DType.F32);
    assertThat(loaded.extra()).isEmpty();
    ConfigFiles.write(loaded, folder.resolve(ConfigFiles.CONFIG));
    String written = Files.readString(folder.resolve(ConfigFiles.CONFIG));
    var expected = JsonParser.parseString(TODAY).getAsJsonObject();
    expected.remove("transformers_version");
    assertThat(JsonParser.parseString(written)).isEqualTo(expected);
    assertThat(ConfigFiles.readModelConfig(folder)).isEqualTo(loaded.model());
  }

  @Test
  void theFormerSpellingIsTheSameModel() throws IOException {
    ConfigFiles.Loaded loaded = ConfigFiles.read(config(FORMER));
    assertThat(loaded.model()).isEqualTo(ModelConfig.doge20M());
    assertThat(loaded.dtype()).isEqualTo(DType.BF16);
    assertThat(loaded.extra()).containsOnlyKeys("my_own_key");
    assertThat(loaded.notes())
        .anyMatch(note -> note.startsWith("my_own_key is not known here, and kept"))
        .anyMatch(note -> note.startsWith("auto_map is ignored: it only tells Python"));
    ConfigFiles.write(loaded, folder.resolve(ConfigFiles.CONFIG));
    assertThat(ConfigFiles.read(folder).model()).isEqualTo(ModelConfig.doge20M());
    assertThat(ConfigFiles.read(folder).extra()).isEqualTo(loaded.extra());
    assertThat(Files.readString(folder.resolve(ConfigFiles.CONFIG)))
        .contains("\"rope_type\": \"dynamic\"", "\"dtype\": \"bfloat16\"")
        .doesNotContain("rope_scaling", "torch_dtype");
  }

  @Test
  void anEmptyFileHasTheDefaultsOfTransformers() throws IOException {
    ModelConfig model = ConfigFiles.readModelConfig(config("{}"));
    assertThat(model.hiddenSize()).isEqualTo(1_024);
    assertThat(model.numHiddenLayers()).isEqualTo(32);
    assertThat(model.numKeyValueHeads()).isEqualTo(8);
    assertThat(model.tieWordEmbeddings()).isFalse();
    assertThat(model.ropeScaling()).isEqualTo(RopeScaling.NONE);
  }

  @Test
  void everyComponentSurvives() {
    ModelConfig odd =
        ModelConfig.doge20MMoe()
            .with(
                e -> {
                  e.slidingWindow = 100;
                  e.ropeTheta = 40_000;
                  e.ropeScaling = new RopeScaling("dynamic", 2.5, 512);
                  e.rmsNormEps = 1e-5;
                  e.initializerRange = 0.01;
                  e.attentionBias = true;
                  e.mlpBias = true;
                  e.attentionDropout = 0.1;
                  e.hiddenDropout = 0.2;
                  e.tieWordEmbeddings = false;
                  e.normTopkProb = true;
                  e.outputRouterLogits = true;
                  e.routerAuxLossCoef = 0.5;
                  e.routing = Routing.LEGACY;
                  e.loadBalancing = LoadBalancing.RANK_ORDER;
                  e.bosTokenId = 7;
                  e.eosTokenId = 8;
                  e.padTokenId = 9;
                  e.numLabels = 5;
                });
    ConfigFiles.write(
        ConfigFiles.Loaded.of(odd).withDtype(DType.F16), folder.resolve(ConfigFiles.CONFIG));
    assertThat(ConfigFiles.readModelConfig(folder)).isEqualTo(odd);
    assertThat(ConfigFiles.read(folder).dtype()).isEqualTo(DType.F16);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      textBlock =
"""
{"model_type": "llama"}                          | model_type "llama", expected "doge"
{"architectures": ["LlamaForCausalLM"]}          | expected ["DogeForCausalLM"]
{"hidden_size": "256"}                           | hidden_size is "256", expected a whole number
{"hidden_size": 256.5}                           | hidden_size is 256.5, expected a whole number
{"hidden_size": 99999999999}                     | does not fit into 32 bits
{"hidden_size": 1001}                            | not a multiple
{"hidden_size": -8}                              | not positive
{"tie_word_embeddings": 1}                       | tie_word_embeddings is 1, expected true or false
{"hidden_act": "gelu"}                           | hidden_act "gelu"
{"head_dim": 64}                                 | head_dim 64 times num_attention_heads 8 is not hidden_size 1024
{"dynamic_mask_ratio": 0.5}                      | use keep_window_size
{"dtype": "int8"}                                | dtype "int8" is not one of [bfloat16, float16, float32]
{"dtype": "float32", "torch_dtype": "bfloat16"}  | contradicts torch_dtype
{"rope_theta": 5, "rope_parameters": {"rope_theta": 6, "rope_type": "default"}} | rope_parameters contradict
{"rope_scaling": {"rope_type": "yarn", "factor": 4.0}} | ropeType "yarn" is not known
{"rope_scaling": {"rope_type": "dynamic", "facto": 4.0}} | unknown key "facto"; did you mean "factor"?
{"rope_scaling": {"rope_type": "dynamic", "type": "linear"}} | keep one of them
{"rope_scaling": 4}                              | rope_scaling is 4, expected a map
{"is_moe": true, "num_experts": 1000}            | not a square number
{"routing": "random"}                            | routing "random" is not one of [per_token, legacy]
{"eos_token_id": 32768}                          | outside the vocabulary
{"num_labels": 3, "id2label": {"0": "a"}}        | contradicts id2label
{"quantization_config": {}}                      | quantized weights are not read
{"hidden_size": 256, "hidden_size": 512}         | key "hidden_size" twice
{"hidden_size": 256,}                            | is not JSON
[]                                               | no JSON object
""")
  void contradictionsAreTold(String json, String because) throws IOException {
    Path where = config(json);
    assertThatThrownBy(() -> ConfigFiles.read(where))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining(folder.resolve(ConfigFiles.CONFIG).toString())
        .hasMessageContaining(because);
  }

  @Test
  void generationSettingsSurvive() throws IOException {
    GenerationConfig odd =
        new GenerationConfig(100, 3, true, 0.8, 40, 0.9, 0.05, 1.1, 5, List.of(6, 7), 8);
    ConfigFiles.writeGeneration(odd, folder.resolve(ConfigFiles.GENERATION));
    assertThat(ConfigFiles.readGeneration(folder, ModelConfig.doge20M())).isEqualTo(odd);
    ConfigFiles.writeGeneration(GenerationConfig.DEFAULT, folder.resolve(ConfigFiles.GENERATION));
    assertThat(Files.readString(folder.resolve(ConfigFiles.GENERATION)))
        .isEqualTo("{\n  \"bos_token_id\": 0,\n  \"eos_token_id\": 1,\n  \"pad_token_id\": 2\n}\n");
  }

  @Test
  void generationSettingsOfTransformersAreRead() throws IOException {
    Path file = folder.resolve(ConfigFiles.GENERATION);
    assertThat(ConfigFiles.readGeneration(folder, ModelConfig.doge20M()))
        .isEqualTo(GenerationConfig.DEFAULT);
    Files.writeString(
        file, "{\"_from_model_config\": true, \"eos_token_id\": [1, 6], \"num_beams\": 1}");
    assertThat(ConfigFiles.readGeneration(folder, ModelConfig.doge20M()).eosTokenIds())
        .containsExactly(1, 6);
    Files.writeString(file, "{\"num_beams\": 4}");
    assertThatThrownBy(() -> ConfigFiles.readGeneration(folder, ModelConfig.doge20M()))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("num_beams 4 is not made here");
    Files.writeString(file, "{\"temperature\": 0}");
    assertThatThrownBy(() -> ConfigFiles.readGeneration(folder, ModelConfig.doge20M()))
        .hasMessageContaining(file.toString())
        .hasMessageContaining("temperature 0.0 is not positive");
  }
}
