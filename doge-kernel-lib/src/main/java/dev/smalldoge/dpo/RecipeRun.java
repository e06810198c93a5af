package dev.smalldoge.dpo;

import dev.smalldoge.config.DpoRecipe;
import dev.smalldoge.data.Mixture;
import dev.smalldoge.data.PreferencePair;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.sft.StartModel;
import dev.smalldoge.tokenizer.Message;
import dev.smalldoge.torch.Device;
import java.util.ArrayList;
import java.util.List;

/** A recipe as a preference optimisation that can be started. */
final class RecipeRun {
  private RecipeRun() {}

  static PreferenceOptimization of(DpoRecipe recipe, String datasets, Device device) {
    LanguageModel start = StartModel.open(recipe.startFrom(), recipe.training(), device);
    PreferencePairs training = pairs(Mixture.of(recipe.data(), datasets), recipe, start);
    PreferencePairs heldOut =
        Mixture.testOf(recipe.data(), datasets).map(m -> pairs(m, recipe, start)).orElse(null);
    if (recipe.data().testSamples() > 0) {
      PreferencePairs.Split split =
          training.split(Math.toIntExact(recipe.data().testSamples()), recipe.training().seed());
      training = split.training();
      heldOut = split.heldOut();
    }
    return PreferenceOptimization.of(start, training)
        .settings(recipe.training())
        .loss(recipe.loss())
        .heldOut(heldOut)
        .lora(recipe.lora())
        .startName(recipe.startFrom())
        .title(recipe.name())
        .checkpoints(recipe.outputFolder());
  }

  private static PreferencePairs pairs(Mixture mixture, DpoRecipe recipe, LanguageModel start) {
    List<PreferencePair> preferences = new ArrayList<>();
    for (PreferencePair pair : mixture.preferences()) {
      preferences.add(withSystemPrompt(pair, recipe.systemPrompt()));
    }
    return PreferencePairs.of(
        preferences,
        start.tokenizer(),
        recipe.training().sequenceLength(),
        recipe.maxPromptLength());
  }

  private static PreferencePair withSystemPrompt(PreferencePair pair, String systemPrompt) {
    if (systemPrompt.isEmpty() || pair.prompt().get(0).role().equals("system")) {
      return pair;
    }
    List<Message> prompt = new ArrayList<>(List.of(Message.system(systemPrompt)));
    prompt.addAll(pair.prompt());
    return new PreferencePair(prompt, pair.chosen(), pair.rejected());
  }
}
