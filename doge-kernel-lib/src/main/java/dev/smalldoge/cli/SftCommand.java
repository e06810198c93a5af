package dev.smalldoge.cli;

import dev.smalldoge.config.SftRecipe;
import dev.smalldoge.sft.FineTuning;
import dev.smalldoge.sft.FineTuningRun;
import dev.smalldoge.torch.Device;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Fine-tunes by a recipe: prints progress and loss, writes the model. */
@Command(name = "sft", description = "Fine-tune a model on conversations by a recipe.")
final class SftCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "RECIPE", description = "such as recipes/tiny/sft.yaml")
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
    SftRecipe loaded = SftRecipe.load(recipe, overrides.toArray(String[]::new));
    loaded.ignored().forEach(line -> System.err.println("ignored: " + line));
    Device where = device == null ? Device.best() : Device.named(device);
    FineTuning tuning = FineTuning.of(loaded, datasets, where);
    System.out.println(tuning.plan());
    try (StopOnSignal stop = new StopOnSignal();
        FineTuningRun run = tuning.start()) {
      System.out.println(run);
      return run.result().complete() ? 0 : 1;
    }
  }
}
