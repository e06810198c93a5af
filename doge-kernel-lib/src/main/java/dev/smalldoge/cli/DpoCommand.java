package dev.smalldoge.cli;

import dev.smalldoge.config.DpoRecipe;
import dev.smalldoge.dpo.PreferenceOptimization;
import dev.smalldoge.dpo.PreferenceRun;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Optimises by preferences: prints progress, margin and accuracy, writes the model. */
@Command(name = "dpo", description = "Fine-tune a model on preferences by a recipe.")
final class DpoCommand implements Callable<Integer> {
  @Mixin private RecipeOptions options;

  @Mixin private ProcessesOption processes;

  @Override
  public Integer call() {
    if (processes.launches()) {
      return processes.launch(options.typedDevice());
    }
    PreferenceOptimization tuning =
        PreferenceOptimization.of(
            options.load(DpoRecipe::load), options.datasets(), options.device());
    System.out.println(tuning.plan());
    try (StopOnSignal stop = new StopOnSignal();
        PreferenceRun run = tuning.start()) {
      System.out.println(run);
      return run.result().complete() ? 0 : 1;
    }
  }
}
