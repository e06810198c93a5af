package dev.smalldoge.cli;

import dev.smalldoge.config.DpoRecipe;
import dev.smalldoge.dpo.PreferenceOptimization;
import dev.smalldoge.dpo.PreferenceRun;
import dev.smalldoge.torch.Device;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Optimises by preferences: prints progress, margin and accuracy, writes the model. */
@Command(name = "dpo", description = "Fine-tune a model on preferences by a recipe.")
final class DpoCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "RECIPE", description = "such as recipes/tiny/dpo.yaml")
  private String recipe;

  @Parameters(
      index = "1..*",
      paramLabel = "KEY=VALUE",
      description = "keys of the recipe to replace, such as micro_batch_size=4")
  private List<String> overrides = List.of();

  @Option(names = "--device", description = "cpu, gpu or gpu:N; by default the best there is")
  private String device;

  @Option(names = "--datasets", defaultValue = "datasets", description = "folder of the corpora")
  private String datasets;

  @Mixin private ProcessesOption processes;

  @Override
  public Integer call() {
    if (processes.launches()) {
      return processes.launch(device);
    }
    DpoRecipe loaded = DpoRecipe.load(recipe, overrides.toArray(String[]::new));
    loaded.ignored().forEach(line -> System.err.println("ignored: " + line));
    Device where = device == null ? Device.best() : Device.named(device);
    PreferenceOptimization tuning = PreferenceOptimization.of(loaded, datasets, where);
    System.out.println(tuning.plan());
    try (StopOnSignal stop = new StopOnSignal();
        PreferenceRun run = tuning.start()) {
      System.out.println(run);
      return run.result().complete() ? 0 : 1;
    }
  }
}
