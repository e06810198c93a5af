package dev.smalldoge.cli;

import dev.smalldoge.config.Recipe;
import dev.smalldoge.torch.Device;
import dev.smalldoge.train.TensorBoardLog;
import java.util.List;
import java.util.function.BiFunction;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What every command that runs a recipe takes. */
final class RecipeOptions {
  @Parameters(
      index = "0",
      paramLabel = "RECIPE",
      description = "a recipe of this stage, such as those in recipes/tiny")
  private String recipe;

  @Parameters(
      index = "1..*",
      paramLabel = "KEY=VALUE",
      description = "keys of the recipe to replace, such as micro_batch_size=4")
  private List<String> overrides = List.of();

  @Option(names = "--device", description = "cpu, gpu or gpu:N; by default the best there is")
  private String device;

  @Option(
      names = "--datasets",
      defaultValue = "datasets",
      description = "folder of the corpora (${DEFAULT-VALUE})")
  private String datasets;

  @Option(
      names = "--tensorboard",
      description = "write TensorBoard event files into the folder of the run")
  void tensorBoard(boolean on) {
    TensorBoardLog.writeForEveryRun(on);
  }

  /**
   * The recipe with what was replaced; names on standard error the keys that do nothing.
   *
   * @param loader of the stage, such as {@code PretrainRecipe::load}
   */
  <R extends Recipe> R load(BiFunction<String, String[], R> loader) {
    R loaded = loader.apply(recipe, overrides.toArray(String[]::new));
    loaded.ignored().forEach(line -> System.err.println("ignored: " + line));
    return loaded;
  }

  /** Where to train. */
  Device device() {
    return device == null ? Device.best() : Device.named(device);
  }

  /** The device as it was typed; null where it was not. */
  String typedDevice() {
    return device;
  }

  /** Folder of the corpora. */
  String datasets() {
    return datasets;
  }
}
