package dev.smalldoge.cli;

import dev.smalldoge.config.SftRecipe;
import dev.smalldoge.sft.FineTuning;
import dev.smalldoge.sft.FineTuningRun;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Fine-tunes by a recipe: prints progress and loss, writes the model. */
@Command(name = "sft", description = "Fine-tune a model on conversations by a recipe.")
final class SftCommand implements Callable<Integer> {
  @Mixin private RecipeOptions options;

  @Mixin private ProcessesOption processes;

  @Override
  public Integer call() {
    if (processes.launches()) {
      return processes.launch(options.typedDevice());
    }
    FineTuning tuning =
        FineTuning.of(options.load(SftRecipe::load), options.datasets(), options.device());
    System.out.println(tuning.plan());
    try (StopOnSignal stop = new StopOnSignal();
        FineTuningRun run = tuning.start()) {
      System.out.println(run);
      return run.result().complete() ? 0 : 1;
    }
  }
}
