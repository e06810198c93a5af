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
    Tokens tokens =
        Mixture.of(recipe.data(), datasets)
            .asConversations(recipe.systemPrompt(), recipe.assistantOnly())
            .tokenize(start.tokenizer());
    Tokens heldOut = null;
    if (recipe.data().testSamples() > 0) {
      Tokens.Split split = tokens.split(recipe.data().testSamples());
      tokens = split.training();
      heldOut = split.heldOut();
    }
    return FineTuning.of(start, sequences(recipe, tokens))
        .settings(recipe.training())
        .heldOut(heldOut == null ? null : sequences(recipe, heldOut))
        .lora(recipe.lora())
        .startName(recipe.startFrom())
        .title(recipe.name())
        .checkpoints(recipe.outputFolder());
  }

  private static Sequences sequences(SftRecipe recipe, Tokens tokens) {
    int length = recipe.training().sequenceLength();
    Sequences sequences = recipe.data().packing() ? tokens.pack(length) : tokens.pad(length);
    return sequences.withSeed(recipe.training().seed());
  }
}
