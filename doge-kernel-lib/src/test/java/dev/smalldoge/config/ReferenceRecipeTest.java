package dev.smalldoge.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.TrainingSettings.Precision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Recipes with the keys of the reference, of both its generations. */
class ReferenceRecipeTest {
  private static final String PRETRAIN =
      """
      # Logging and output
      log_level: info
      logging_strategy: steps
      logging_steps: 100
      report_to:
      - tensorboard
      - wandb
      save_strategy: steps
      save_steps: 100
      output_dir: data/Doge-20M
      overwrite_output_dir: true
      push_to_hub: true
      hub_strategy: every_save
      # token: "secret"
      model_config:
        vocab_size: 32768
        hidden_size: 256
        intermediate_size: 512
        num_hidden_layers: 8
        hidden_act: silu
        hidden_dropout: 0.0
        use_cache: True
        tie_word_embeddings: True
        max_position_embeddings: 2048
        rope_theta: 10000.0
        rope_scaling:
          rope_type: dynamic
          factor: 4.0
          original_max_position_embeddings: 2048
        num_attention_heads: 2
        num_key_value_heads: 1
        is_moe: False
      model_name_or_path: SmallDoge/Doge-20M
      torch_dtype: bfloat16
      dataset_name: ./datasets/pt_dataset
      seed: 233
      do_train: True
      max_steps: 8000
      per_device_train_batch_size: 1
      do_eval: True
      eval_strategy: steps
      eval_steps: 100
      per_device_eval_batch_size: 1
      optim: adamw_torch_fused
      adam_beta1: 0.9
      adam_beta2: 0.95
      adam_epsilon: 1.0e-8
      learning_rate: 8.0e-3
      lr_scheduler_type: warmup_stable_decay
      lr_scheduler_kwargs:
        warmup_type: linear
        decay_type: linear
        num_decay_steps: 800
        min_lr_ratio: 0.0
      warmup_steps: 800
      weight_decay: 0.01
      gradient_accumulation_steps: 256 # half a million tokens
      gradient_checkpointing: true
      gradient_checkpointing_kwargs:
        use_reentrant: false
      max_grad_norm: 1.0
      bf16: True
      """;

  private static final String LATER =
      """
      output_dir: ./data/Doge-40M-MoE
      model_init_kwargs:
        vocab_size: 128256
        hidden_size: 256
        intermediate_size: 768
        num_hidden_layers: 8
        num_attention_heads: 2
        num_key_value_heads: 1
        keep_window_size: 2048
        max_position_embeddings: 2048
        rope_theta: 10000
        is_moe: True
        num_experts: 1024
        num_experts_per_tok: 8
        output_router_logits: False
        bos_token_id: 128000
        eos_token_id: 128001
        pad_token_id: 128001
        attn_implementation: sdpa
        torch_dtype: bfloat16
      datasets_and_ratios:
      - SmallDoge/MiniCorpus:web-en: 0.6
      - ./local/code: 0.4
      total_sample_size: 4096000
      dataset_text_field: text
      max_length: 2048
      packing: true
      max_steps: 32000
      per_device_train_batch_size: 1
      gradient_accumulation_steps: 128
      do_eval: 'no'
      eval_strategy: 'no'
      learning_rate: 8.0e-3
      lr_scheduler_type: warmup_stable_decay
      lr_scheduler_kwargs: {warmup_type: linear, decay_type: linear, num_decay_steps: 6400, min_lr_ratio: 0.0}
      warmup_steps: 2000
      """;

  private static final String TUNE =
      """
      model_name_or_path: SmallDoge/Doge-20M
      dataset_name: ./datasets/sft_dataset
      max_seq_length: 2048
      packing: True
      num_train_epochs: 2
      per_device_train_batch_size: 1
      gradient_accumulation_steps: 128
      learning_rate: 8.0e-4
      lr_scheduler_type: cosine_with_min_lr
      lr_scheduler_kwargs:
        min_lr_rate: 0.1
      warmup_ratio: 0.1
      bf16: true
      """;

  @TempDir Path folder;

  private Path yaml(String name, String text) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
    return file;
  }

  @Test
  void theFirstGenerationBecomesOurRecipe() throws IOException {
    Recipe recipe = Recipe.load(yaml("Doge-20M/config_full.yaml", PRETRAIN));
    PretrainRecipe ours = PretrainRecipe.load("../recipes/doge-20m/pretrain.yaml");
    PretrainRecipe read = (PretrainRecipe) recipe;
    assertThat(read.model()).isEqualTo(ours.model()).isEqualTo(ModelConfig.doge20M());
    assertThat(read.name()).isEqualTo("Doge-20M");
    assertThat(read.outputFolder()).isEqualTo("data/Doge-20M");
    assertThat(read.startFrom()).isEmpty();
    assertThat(read.tokenizer()).isEqualTo("SmallDoge/Doge-20M");
    assertThat(read.data().ratios())
        .containsExactly(java.util.Map.entry("./datasets/pt_dataset", 1.0));
    assertThat(read.data().packing()).isFalse();
    assertThat(read.training())
        .usingRecursiveComparison()
        .ignoringFields("logEverySteps", "keepLastCheckpoints")
        .isEqualTo(ours.training());
    assertThat(read.ignored())
        .contains(
            "push_to_hub: nothing is uploaded",
            "log_level: the log is always written",
            "model_config.use_cache: the caller decides this")
        .noneMatch(line -> line.contains("not known"));
  }

  @Test
  void theMisspeltModelKeyIsRead() throws IOException {
    String misspelt = PRETRAIN.replace("model_config:", "mmodel_config:");
    PretrainRecipe read = (PretrainRecipe) Recipe.load(yaml("a/b.yaml", misspelt));
    assertThat(read.model()).isEqualTo(ModelConfig.doge20M());
  }

  @Test
  void aCheckpointToStartFromWarmsUpTheExperts() throws IOException {
    String moe =
        PRETRAIN
            .replace(
                "is_moe: False", "is_moe: True\n  num_experts: 1024\n  num_experts_per_tok: 16")
            .replace("SmallDoge/Doge-20M", "SmallDoge/Doge-20M-checkpoint");
    PretrainRecipe read = (PretrainRecipe) Recipe.load(yaml("a/b.yaml", moe));
    assertThat(read.startFrom()).isEqualTo("SmallDoge/Doge-20M-checkpoint");
    assertThat(read.expertWarmupSteps()).isEqualTo(800);
    assertThat(read.model()).isEqualTo(ModelConfig.doge20MMoe());
  }

  @Test
  void theSecondGenerationBecomesOurRecipe() throws IOException {
    String quoted = LATER.replace("do_eval: 'no'", "do_eval: false");
    PretrainRecipe read = (PretrainRecipe) Recipe.load(yaml("a/b.yaml", quoted));
    assertThat(read.model())
        .isEqualTo(PretrainRecipe.load("../recipes/doge-40m-moe/pretrain.yaml").model());
    assertThat(read.data().ratios())
        .containsExactly(
            java.util.Map.entry("SmallDoge/MiniCorpus:web-en", 0.6),
            java.util.Map.entry("./local/code", 0.4));
    assertThat(read.data().totalSamples()).isEqualTo(4_096_000);
    assertThat(read.training().evalEverySteps()).isZero();
    assertThat(read.training().adamBeta2()).isEqualTo(0.999); // Trainer's default
    assertThat(read.training().precision()).isEqualTo(Precision.FP32);
    assertThat(read.expertWarmupSteps()).isZero();
  }

  @Test
  void fineTuningIsKnownByItsKeysOrItsPath() throws IOException {
    SftRecipe sft = (SftRecipe) Recipe.load(yaml("x/config.yaml", TUNE));
    assertThat(sft.startFrom()).isEqualTo("SmallDoge/Doge-20M");
    assertThat(sft.assistantOnly()).isTrue();
    assertThat(sft.training().schedule().warmupSteps(1_001)).isEqualTo(101);
    assertThat(sft.training().schedule().minRatio()).isEqualTo(0.1);
    assertThat(sft.training().sequenceLength()).isEqualTo(2_048);
    String pairs =
        TUNE.replace("max_seq_length: 2048", "max_length: 1024")
            .replace("packing: True", "beta: 0.5");
    DpoRecipe dpo = (DpoRecipe) Recipe.load(yaml("Doge-20M-Instruct/dpo/config.yaml", pairs));
    assertThat(dpo.loss().beta()).isEqualTo(0.5);
    assertThat(dpo.maxPromptLength()).isEqualTo(512);
    assertThat(dpo.training().sequenceLength()).isEqualTo(1_024);
    String unclear =
        TUNE.replaceAll("(dataset_name|max_seq_length).*\n", "dataset_name: data\n")
            .replaceFirst("dataset_name: data\n", "");
    Path file = yaml("x/config.yaml", unclear);
    assertThatThrownBy(() -> Recipe.load(file)).hasMessageContaining("add \"stage: sft\"");
  }

  @Test
  void whatCannotBeDoneIsTold() throws IOException {
    String[][] cases = {
      {"optim: adamw_torch_fused", "optim: lion", "optim \"lion\" is not made here"},
      {"bf16: True", "fp16: True", "fp16 is not made here"},
      {"warmup_stable_decay", "polynomial", "lr_scheduler_type \"polynomial\""},
      {"lr_scheduler_type: warmup_stable_decay", "run_name: x", "lr_scheduler_type \"linear\""},
      {"num_decay_steps: 800", "num_decay_stepz: 800", "did you mean \"num_decay_steps\"?"},
      {"  hidden_size: 256", "  hidden_siz: 256", "did you mean \"hidden_size\"?"},
      {"weight_decay: 0.01", "weigth_decay: 0.01", "did you mean \"weight_decay\"?"},
      {"max_grad_norm: 1.0", "num_generations: 8", "GRPO is not a stage here"},
      {"learning_rate: 8.0e-3", "run_name: x", "has no learning_rate"},
    };
    for (String[] c : cases) {
      Path file = yaml("a/b.yaml", PRETRAIN.replace(c[0], c[1]));
      assertThatThrownBy(() -> Recipe.load(file))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining(c[2]);
    }
    Recipe tolerant = Recipe.load(yaml("a/b.yaml", PRETRAIN + "torch_compile_backend: inductor\n"));
    assertThat(tolerant.ignored())
        .anyMatch(line -> line.startsWith("torch_compile_backend: not known"));
  }
}
