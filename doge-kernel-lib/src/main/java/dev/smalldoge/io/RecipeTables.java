package dev.smalldoge.io;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.PretrainRecipe;
import dev.smalldoge.config.Recipe;
import dev.smalldoge.config.ScheduleSettings;
import dev.smalldoge.config.TrainingSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The Markdown tables of all recipes of a folder, for a page that has marks for them:
 *
 * <pre>
 * &lt;!-- recipes:models --&gt;
 * &lt;!-- /recipes:models --&gt;
 * </pre>
 *
 * and the same with {@code recipes:training}. A test keeps the README's equal to the recipes.
 */
public final class RecipeTables {
  private RecipeTables() {}

  /** All recipes under a folder, smallest model first, its stages in the order of training. */
  public static List<Recipe> all(Path recipes) {
    try (Stream<Path> files = Files.walk(recipes)) {
      List<Path> yaml = files.filter(file -> file.toString().endsWith(".yaml")).sorted().toList();
      check(!yaml.isEmpty(), "%s has no recipes; give the folder of the yaml files", recipes);
      List<Recipe> all = new ArrayList<>();
      yaml.forEach(file -> all.add(Recipe.load(file)));
      return all;
    } catch (IOException e) {
      throw new DogeException(recipes + " cannot be read; give the folder of the recipes", e);
    }
  }

  /** The shapes of all models that a pre-training recipe makes, one row each. */
  public static String models(List<Recipe> recipes) {
    StringBuilder table =
        new StringBuilder(
            "| model | parameters | active per token | hidden size | MLP size | layers | query"
                + " heads | key/value heads | experts | per token | vocabulary | positions |\n"
                + "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    pretraining(recipes)
        .forEach(
            recipe -> {
              ModelConfig c = recipe.model();
              row(
                  table,
                  recipe.name(),
                  number(WeightNames.parameterCount(c)),
                  number(WeightNames.activeParameterCount(c)),
                  number(c.hiddenSize()),
                  number(c.intermediateSize()),
                  number(c.numHiddenLayers()),
                  number(c.numAttentionHeads()),
                  number(c.numKeyValueHeads()),
                  c.isMoe() ? number(c.numExperts()) : "–",
                  c.isMoe() ? number(c.numExpertsPerTok()) : "–",
                  number(c.vocabSize()),
                  number(c.maxPositionEmbeddings()));
            });
    return table.toString();
  }

  /** How every recipe trains, one row each. */
  public static String training(List<Recipe> recipes) {
    StringBuilder table =
        new StringBuilder(
            "| recipe | stage | learning rate | schedule | updates | sequences per update |"
                + " sequence length | tokens per update | tokens |\n"
                + "|---|---|---:|---|---:|---:|---:|---:|---:|\n");
    for (Recipe recipe : ordered(recipes)) {
      TrainingSettings t = recipe.training();
      boolean steps = t.maxSteps() > 0;
      row(
          table,
          recipe.name(),
          recipe.stage(),
          rate(t.learningRate()),
          schedule(t),
          steps ? number(t.maxSteps()) : plain(t.numTrainEpochs()) + " epochs",
          number(t.sequencesPerStep()),
          number(t.sequenceLength()),
          number(t.tokensPerStep()),
          steps ? number(t.tokensPerStep() * t.maxSteps()) : "–");
    }
    return table.toString();
  }

  /** {@code markdown} with both tables put between their marks; where there are none, as it is. */
  public static String inserted(String markdown, Path recipes) {
    List<Recipe> all = all(recipes);
    String once = between(markdown, "recipes:models", models(all));
    return between(once, "recipes:training", training(all));
  }

  private static String between(String markdown, String mark, String table) {
    String open = "<!-- " + mark + " -->";
    String close = "<!-- /" + mark + " -->";
    int from = markdown.indexOf(open);
    if (from < 0) {
      return markdown;
    }
    int to = markdown.indexOf(close, from);
    check(to >= 0, "the page has %s but not %s; add that below the table", open, close);
    return markdown.substring(0, from) + open + "\n" + table + markdown.substring(to);
  }

  private static List<PretrainRecipe> pretraining(List<Recipe> recipes) {
    return ordered(recipes).stream()
        .filter(PretrainRecipe.class::isInstance)
        .map(PretrainRecipe.class::cast)
        .toList();
  }

  /** By parameters of the model that a recipe's folder is about, then by stage. */
  private static List<Recipe> ordered(List<Recipe> recipes) {
    Map<String, Long> sizes = new LinkedHashMap<>();
    for (Recipe recipe : recipes) {
      if (recipe instanceof PretrainRecipe pretrain) {
        sizes.put(recipe.name(), WeightNames.parameterCount(pretrain.model()));
      }
    }
    List<Recipe> sorted = new ArrayList<>(recipes);
    sorted.sort(
        Comparator.comparingLong((Recipe r) -> sizes.getOrDefault(family(r), Long.MAX_VALUE))
            .thenComparing(RecipeTables::family)
            .thenComparingInt(r -> List.of("pretrain", "sft", "dpo").indexOf(r.stage())));
    return sorted;
  }

  private static String family(Recipe recipe) {
    return recipe.name().replaceFirst("-Instruct(-SFT)?$", "");
  }

  private static String schedule(TrainingSettings t) {
    ScheduleSettings s = t.schedule();
    if (s.kind() == ScheduleSettings.Kind.COSINE_WITH_MINIMUM) {
      String warmup = s.warmupRatio() > 0 ? percent(s.warmupRatio()) : number(s.warmupSteps());
      return "warm-up " + warmup + ", cosine to " + percent(s.minRatio());
    }
    if (t.maxSteps() == 0) {
      return "warm-up " + percent(s.warmupRatio()) + ", decay " + percent(s.decayRatio());
    }
    return String.format(
        Locale.ROOT,
        "%,d / %,d / %,d",
        s.warmupSteps(t.maxSteps()),
        s.stableSteps(t.maxSteps()),
        s.decaySteps(t.maxSteps()));
  }

  private static String percent(double ratio) {
    return plain(100 * ratio) + " %";
  }

  /** A learning rate as a recipe has it: 8e-3. */
  private static String rate(double value) {
    int exponent = (int) Math.floor(Math.log10(value) + 1e-9);
    return plain(Math.round(value / Math.pow(10, exponent) * 1e6) / 1e6) + "e" + exponent;
  }

  private static String plain(double value) {
    return value == Math.rint(value) ? String.valueOf((long) value) : String.valueOf(value);
  }

  private static String number(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }

  private static void row(StringBuilder table, String... cells) {
    table.append("| ").append(String.join(" | ", cells)).append(" |\n");
  }
}
