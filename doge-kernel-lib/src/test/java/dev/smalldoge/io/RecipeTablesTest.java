package dev.smalldoge.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.DpoRecipe;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.PretrainRecipe;
import dev.smalldoge.config.Recipe;
import dev.smalldoge.config.SftRecipe;
import dev.smalldoge.config.TrainingSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The recipes that are shipped, and the tables made of them. */
class RecipeTablesTest {
  private static final Path RECIPES = Path.of("..", "recipes");

  @Test
  void everyShippedRecipeLoadsAndSurvivesWriting(@TempDir Path folder) throws IOException {
    List<Recipe> all = RecipeTables.all(RECIPES);
    assertThat(all).hasSize(40);
    assertThat(all).extracting(Recipe::name).doesNotHaveDuplicates();
    assertThat(all).extracting(Recipe::outputFolder).doesNotHaveDuplicates();
    for (Recipe recipe : all) {
      assertThat(recipe.ignored()).isEmpty();
      Path copy = folder.resolve("copy.yaml");
      Files.writeString(copy, recipe.toYaml());
      assertThat(Recipe.load(copy)).isEqualTo(recipe);
    }
  }

  @Test
  void presetsAreTheRecipes() {
    Map<String, ModelConfig> presets = new LinkedHashMap<>();
    presets.put("doge-20m", ModelConfig.doge20M());
    presets.put("doge-60m", ModelConfig.doge60M());
    presets.put("doge-160m", ModelConfig.doge160M());
    presets.put("doge-320m", ModelConfig.doge320M());
    presets.put("doge-20m-moe", ModelConfig.doge20MMoe());
    presets.put("doge-120m-moe", ModelConfig.doge120MMoe());
    presets.put("doge-480m-moe", ModelConfig.doge480MMoe());
    presets.put("doge-1400m-moe", ModelConfig.doge1400MMoe());
    presets.forEach(
        (name, preset) -> assertThat(pretrain(name).model()).as(name).isEqualTo(preset));
    assertThat(pretrain("tiny").model()).isEqualTo(ModelConfig.tiny());
  }

  @Test
  void parameterCountsOfTheLaterRecipes() {
    // Doge-40M: 8 layers of (2·256² + 2·256·128 + 128 + 1 + 2·128 + 3·256·1024 + 4·256), the
    // embedding 128256·256 and the last norm 256
    assertThat(WeightNames.parameterCount(pretrain("doge-40m").model()))
        .isEqualTo(
            8L * (2 * 65_536 + 2 * 32_768 + 129 + 256 + 3 * 262_144 + 1_024)
                + 128_256L * 256
                + 256);
    assertThat(WeightNames.parameterCount(pretrain("doge-1600m-moe").model()))
        .isBetween(1_700_000_000L, 1_730_000_000L);
  }

  @Test
  void trainingIsThatOfTheReference() {
    String[] names = {"doge-20m", "doge-60m", "doge-160m", "doge-320m"};
    for (int i = 0; i < 4; i++) {
      TrainingSettings t = pretrain(names[i]).training();
      assertThat(t.learningRate()).isEqualTo((8 - 2 * i) * 1e-3);
      assertThat(t.maxSteps()).isEqualTo(8_000 * (i + 1));
      assertThat(t.schedule().warmupSteps()).isEqualTo(800 * (i + 1));
      assertThat(t.schedule().stableSteps(t.maxSteps())).isEqualTo(6_400 * (i + 1));
      assertThat(t.sequencesPerStep()).isEqualTo(256L * (i + 1));
      assertThat(t.adamBeta2()).isEqualTo(0.95);
      TrainingSettings sft =
          SftRecipe.load(RECIPES.resolve(names[i]).resolve("sft.yaml").toString()).training();
      assertThat(sft.learningRate()).isEqualTo((8 - 2 * i) / 1e4);
      assertThat(sft.tokensPerStep()).isEqualTo(262_144);
      assertThat(sft.schedule().minRatio()).isEqualTo(0.1);
      DpoRecipe dpo = DpoRecipe.load(RECIPES.resolve(names[i]).resolve("dpo.yaml").toString());
      assertThat(dpo.training().learningRate()).isEqualTo((8 - 2 * i) / 1e5);
      assertThat(dpo.loss().beta()).isEqualTo(0.1);
    }
  }

  @Test
  void tablesHaveARowPerRecipe() {
    List<Recipe> all = RecipeTables.all(RECIPES);
    String models = RecipeTables.models(all);
    assertThat(models.lines().skip(2).findFirst().orElse("")).startsWith("| Tiny |");
    assertThat(models)
        .contains(
            "| Doge-20M | 13,118,728 | 13,118,728 | 256 | 512 | 8 | 2 | 1 | – | – | 32,768 | 2,048"
                + " |")
        .contains("| Doge-60M | 54,571,552 |")
        .contains("| Doge-160M | 152,676,168 |")
        .contains("| Doge-320M | 335,750,272 |");
    assertThat(models.lines()).hasSize(2 + 17);
    String training = RecipeTables.training(all);
    assertThat(training)
        .contains(
            "| Doge-20M | pretrain | 8e-3 | 800 / 6,400 / 800 | 8,000 | 256 | 2,048 | 524,288 |"
                + " 4,194,304,000 |\n"
                + "| Doge-20M-Instruct-SFT | sft | 8e-4 | warm-up 10 %, cosine to 10 % | 2 epochs |"
                + " 128 | 2,048 | 262,144 | – |\n"
                + "| Doge-20M-Instruct | dpo | 8e-5 |");
    assertThat(training.lines()).hasSize(2 + 40);
  }

  @Test
  void tablesGoBetweenTheirMarks() {
    String page = "a\n<!-- recipes:models -->\nold\n<!-- /recipes:models -->\nb\n";
    String filled = RecipeTables.inserted(page, RECIPES);
    assertThat(filled)
        .startsWith("a\n<!-- recipes:models -->\n| model |")
        .endsWith("|\n<!-- /recipes:models -->\nb\n");
    assertThat(RecipeTables.inserted(filled, RECIPES)).isEqualTo(filled);
    assertThat(RecipeTables.inserted("no marks", RECIPES)).isEqualTo("no marks");
    assertThatThrownBy(() -> RecipeTables.inserted("<!-- recipes:models -->", RECIPES))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("<!-- /recipes:models -->");
  }

  @Test
  void tablesOfTheReadmeAreTheRecipes() throws IOException {
    Path readme = Path.of("..", "README.md");
    String page = Files.exists(readme) ? Files.readString(readme) : "";
    assertThat(page)
        .as("README.md: run ./doge recipes --update README.md")
        .isEqualTo(RecipeTables.inserted(page, RECIPES));
  }

  private static PretrainRecipe pretrain(String name) {
    return PretrainRecipe.load(RECIPES.resolve(name).resolve("pretrain.yaml").toString());
  }
}
