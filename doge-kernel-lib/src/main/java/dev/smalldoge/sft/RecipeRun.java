package dev.smalldoge.sft;

import dev.smalldoge.config.SftRecipe;
import dev.smalldoge.data.Mixture;
import dev.smalldoge.data.Sequences;
import dev.smalldoge.data.Tokens;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.torch.Device;

/** A recipe as a fine-tuning that can be started. */
final class RecipeRun {
  private RecipeRun() {}

  static FineTuning of(SftRecipe recipe, String datasets, Device device) {
    LanguageModel start = StartModel.open(recipe.startFrom(), recipe.training(), device);
    Tokens tokens = tokens(Mixture.of(recipe.data(), datasets), recipe, start);
    Tokens test =
        Mixture.testOf(recipe.data(), datasets).map(m -> tokens(m, recipe, start)).orElse(null);
    Sequences.Split sequences = tokens.sequences(recipe.data(), recipe.training(), test);
    return FineTuning.of(start, sequences.training())
        .settings(recipe.training())
        .heldOut(sequences.heldOut())
        .lora(recipe.lora())
        .startName(recipe.startFrom())
        .title(recipe.name())
        .checkpoints(recipe.outputFolder());
  }

  private static Tokens tokens(Mixture mixture, SftRecipe recipe, LanguageModel start) {
    return mixture
        .asConversations(recipe.systemPrompt(), recipe.assistantOnly())
        .tokenize(start.tokenizer());
  }
}
