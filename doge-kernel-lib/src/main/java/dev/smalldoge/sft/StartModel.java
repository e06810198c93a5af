package dev.smalldoge.sft;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.Home;
import dev.smalldoge.config.TrainingSettings;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.model.Precision;
import dev.smalldoge.tokenizer.Tokenizer;
import dev.smalldoge.torch.Device;
import java.nio.file.Files;
import java.nio.file.Path;

/** Opens the model that a recipe starts from. */
public final class StartModel {
  private StartModel() {}

  /**
   * The model of a recipe's {@code start_from}.
   *
   * @throws dev.smalldoge.config.DogeException if the folder holds no whole model
   */
  public static LanguageModel open(String startFrom, TrainingSettings settings, Device device) {
    Path folder = Home.path(startFrom);
    check(
        Files.exists(folder.resolve("config.json")),
        "start_from %s holds no model; train it first, fetch it with doge download, or name a"
            + " folder with config.json",
        folder);
    return new LanguageModel(
        ModelFiles.open(folder, device, Precision.of(settings.precision())),
        Tokenizer.load(folder));
  }
}
