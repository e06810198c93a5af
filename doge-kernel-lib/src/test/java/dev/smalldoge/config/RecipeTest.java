package dev.smalldoge.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.ScheduleSettings.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RecipeTest {
  private static final String OURS =
      """
      stage: pretrain
      name: Small
      model: {vocab_size: 100, hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2, num_attention_heads: 4}
      data:
        ratios: {a: 0.75, b/c: 0.25}
      sequence_length: 64
      gradient_accumulation_steps: 4
      max_steps: 100
      learning_rate: 8e-3
      schedule: {warmup_steps: 10, decay_ratio: 0.2}
      """;

  @TempDir Path folder;

  private Path yaml(String text) throws IOException {
    Path file = folder.resolve("recipe.yaml");
    Files.writeString(file, text);
    return file;
  }

  private void refused(String text, String... parts) throws IOException {
    Path file = yaml(text);
    assertThatThrownBy(() -> Recipe.load(file))
        .isInstanceOf(DogeException.class)
        .hasMessageStartingWith(file.toString())
        .hasMessageContainingAll(parts);
  }

  @Test
  void aShortRecipeHasTheReferencesDefaults() throws IOException {
    PretrainRecipe recipe = PretrainRecipe.load(yaml(OURS).toString());
    assertThat(recipe.name()).isEqualTo("Small");
    assertThat(recipe.model().numKeyValueHeads()).isEqualTo(4);
    assertThat(recipe.model().tieWordEmbeddings()).isTrue();
    assertThat(recipe.outputFolder()).isEqualTo("runs/Small");
    assertThat(recipe.data().ratios())
        .containsExactly(Map.entry("a", 0.75), Map.entry("b/c", 0.25));
    TrainingSettings training = recipe.training();
    assertThat(training.adamBeta2()).isEqualTo(0.95);
    assertThat(training.seed()).isEqualTo(233);
    assertThat(training.precision()).isEqualTo(TrainingSettings.Precision.BF16);
    assertThat(training.schedule().warmupSteps(100)).isEqualTo(10);
    assertThat(training.schedule().stableSteps(100)).isEqualTo(70);
    assertThat(training.schedule().decaySteps(100)).isEqualTo(20);
    assertThat(training.tokensPerStep()).isEqualTo(256);
    assertThat(recipe.ignored()).isEmpty();
  }

  @Test
  void overridesReplaceKeys() throws IOException {
    PretrainRecipe recipe =
        PretrainRecipe.load(
            yaml(OURS).toString(),
            "micro_batch_size=4",
            "model.num_hidden_layers=3",
            "schedule.kind=cosine_with_minimum",
            "schedule.decay_ratio=0",
            "data.packing=False");
    assertThat(recipe.training().microBatchSize()).isEqualTo(4);
    assertThat(recipe.model().numHiddenLayers()).isEqualTo(3);
    assertThat(recipe.training().schedule().kind()).isEqualTo(Kind.COSINE_WITH_MINIMUM);
    assertThat(recipe.data().packing()).isFalse();
    Path file = yaml(OURS);
    assertThatThrownBy(() -> Recipe.load(file, "micro_batch_sice=4"))
        .hasMessageContaining("did you mean \"micro_batch_size\"?");
    assertThatThrownBy(() -> Recipe.load(file, "micro_batch_size"))
        .hasMessage("\"micro_batch_size\" is no override; write key=value");
  }

  @Test
  void anotherStageIsTold() throws IOException {
    String file = yaml(OURS).toString();
    assertThatThrownBy(() -> SftRecipe.load(file))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("is a recipe of stage pretrain");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          learning_rate: 8e-3     | lerning_rate: 8e-3    | unknown key "lerning_rate"; did you mean "learning_rate"?
          hidden_size: 32         | hiden_size: 32        | unknown key "hiden_size"; did you mean "hidden_size"?
          warmup_steps: 10        | warm_up_steps: 10     | unknown key "warm_up_steps"; did you mean "warmup_steps"?
          max_steps: 100          | warmup_steps: 3       | unknown key "warmup_steps"; did you mean "schedule.warmup_steps"?
          ratios:                 | rations:              | unknown key "rations"; did you mean "ratios"?
          max_steps: 100          | num_epochs: 3         | unknown key "num_epochs"; did you mean
          stage: pretrain         | stage: pretraining    | stage "pretraining" is not known
          stage: pretrain         | stage: sft            | unknown key "model"
          stage: pretrain         | steps: 1              | has no stage
          max_steps: 100          | seed: 1               | max_steps is 0 and num_train_epochs 0.0; give exactly one
          max_steps: 100          | max_steps: 11         | more than max_steps 11
          max_steps: 100          | max_steps: many       | max_steps is "many", expected a whole number
          sequence_length: 64     | sequence_length: 4096 | more than max_position_embeddings 2048
          0.25}                   | 0.35}                 | add up to 1.1, not 1
          a: 0.75                 | a: no                 | a is "no", expected a number
          learning_rate: 8e-3     | learning_rate: 8      | learning_rate 8.0 is outside (0, 1)
          hidden_size: 32         | hidden_size: 33       | not a multiple of numAttentionHeads 4
          warmup_steps: 10        | kind: linear          | kind "linear" is not one of [warmup_stable_decay, cosine_with_minimum]
          max_steps: 100          | max_steps: [          | is not YAML in line
          name: Small             | name: ../Small        | must be letters
          name: Small             | stage: sft            | is not YAML in line 2
          """)
  void mistakesAreTold(String right, String wrong, String because) throws IOException {
    assertThat(OURS).contains(right);
    refused(OURS.replace(right, wrong), because);
  }

  @Test
  void filesThatAreNoRecipesAreTold() throws IOException {
    refused("- a\n- b\n", "holds no keys");
    refused("", "holds no keys");
    Path absent = folder.resolve("absent.yaml");
    assertThatThrownBy(() -> Recipe.load(absent))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("does not exist; look into recipes/");
  }

  @Test
  void theRecipeShowsItself() throws IOException {
    Recipe recipe = Recipe.load(yaml(OURS));
    assertThat(recipe.toString()).contains("model.hidden_size").contains("schedule.warmup_steps");
    assertThat(recipe.toMarkdown()).contains("| `learning_rate` | 0.008 |");
    Path copy = folder.resolve("copy.yaml");
    Files.writeString(copy, recipe.toYaml());
    assertThat(Recipe.load(copy)).isEqualTo(recipe);
  }
}
