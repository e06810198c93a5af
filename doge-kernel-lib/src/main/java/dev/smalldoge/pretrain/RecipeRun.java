package dev.smalldoge.pretrain;

import dev.smalldoge.config.PretrainRecipe;
import dev.smalldoge.config.TrainingSettings;
import dev.smalldoge.data.Mixture;
import dev.smalldoge.data.Sequences;
import dev.smalldoge.data.Tokens;
import dev.smalldoge.model.Precision;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.optim.LearningRateSchedule;
import dev.smalldoge.tokenizer.Tokenizer;

/** A recipe as a pre-training that can be started. */
final class RecipeRun {
  private RecipeRun() {}

  static Pretraining of(PretrainRecipe recipe, String datasets) {
    Tokenizer tokenizer = Tokenizer.load(recipe.tokenizer());
    return of(recipe, tokenizer, Mixture.of(recipe.data(), datasets).tokenize(tokenizer));
  }

  static Pretraining of(PretrainRecipe recipe, Tokenizer tokenizer, Tokens all) {
    TrainingSettings t = recipe.training();
    Tokens tokens = all;
    Tokens heldOut = null;
    if (recipe.data().testSamples() > 0) {
      Tokens.Split split = tokens.split(recipe.data().testSamples());
      tokens = split.training();
      heldOut = split.heldOut();
    }
    Sequences sequences = sequences(recipe, tokens);
    int maxSteps = t.steps(sequences.count());
    Pretraining pretraining =
        Pretraining.of(recipe.model(), tokenizer, sequences)
            .title(recipe.name())
            .heldOut(heldOut == null ? null : sequences(recipe, heldOut))
            .schedule(LearningRateSchedule.of(t.schedule(), t.learningRate(), maxSteps))
            .maxSteps(maxSteps)
            .optimizer(AdamW.Settings.of(t))
            .microBatchSize(t.microBatchSize())
            .gradientAccumulationSteps(t.gradientAccumulationSteps())
            .evaluateEverySteps(t.evalEverySteps())
            .saveEverySteps(t.saveEverySteps())
            .keepLastCheckpoints(t.keepLastCheckpoints())
            .expertWarmupSteps(recipe.expertWarmupSteps())
            .seed(t.seed())
            .recompute(t.recompute())
            .precision(Precision.of(t.precision()))
            .checkpoints(recipe.outputFolder());
    return recipe.startFrom().isEmpty() ? pretraining : pretraining.startFrom(recipe.startFrom());
  }

  private static Sequences sequences(PretrainRecipe recipe, Tokens tokens) {
    int length = recipe.training().sequenceLength();
    Sequences sequences = recipe.data().packing() ? tokens.pack(length) : tokens.pad(length);
    return sequences.withSeed(recipe.training().seed());
  }
}
