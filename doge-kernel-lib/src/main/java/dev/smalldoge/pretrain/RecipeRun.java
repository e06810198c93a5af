package dev.smalldoge.pretrain;

import dev.smalldoge.config.PretrainRecipe;
import dev.smalldoge.config.TrainingSettings;
import dev.smalldoge.data.Mixture;
import dev.smalldoge.data.Sequences;
import dev.smalldoge.data.Tokens;
import dev.smalldoge.model.Precision;
import dev.smalldoge.optim.LearningRateSchedule;
import dev.smalldoge.tokenizer.Tokenizer;

/** A recipe as a pre-training that can be started. */
final class RecipeRun {
  private RecipeRun() {}

  static Pretraining of(PretrainRecipe recipe, String datasets) {
    Tokenizer tokenizer = Tokenizer.load(recipe.tokenizer());
    Tokens test =
        Mixture.testOf(recipe.data(), datasets).map(m -> m.tokenize(tokenizer)).orElse(null);
    return of(recipe, tokenizer, Mixture.of(recipe.data(), datasets).tokenize(tokenizer), test);
  }

  static Pretraining of(PretrainRecipe recipe, Tokenizer tokenizer, Tokens tokens) {
    return of(recipe, tokenizer, tokens, null);
  }

  private static Pretraining of(
      PretrainRecipe recipe, Tokenizer tokenizer, Tokens tokens, Tokens test) {
    TrainingSettings t = recipe.training();
    Sequences.Split sequences = tokens.sequences(recipe.data(), t, test);
    int maxSteps = t.steps(sequences.training().count());
    Pretraining pretraining =
        Pretraining.of(recipe.model(), tokenizer, sequences.training())
            .settings(t)
            .title(recipe.name())
            .heldOut(sequences.heldOut())
            .schedule(LearningRateSchedule.of(t.schedule(), t.learningRate(), maxSteps))
            .maxSteps(maxSteps)
            .expertWarmupSteps(recipe.expertWarmupSteps())
            .precision(Precision.of(t.precision()))
            .checkpoints(recipe.outputFolder());
    return recipe.startFrom().isEmpty() ? pretraining : pretraining.startFrom(recipe.startFrom());
  }
}
