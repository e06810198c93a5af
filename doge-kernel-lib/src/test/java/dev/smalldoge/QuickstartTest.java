package dev.smalldoge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.config.PretrainRecipe;
import dev.smalldoge.pretrain.PretrainRun;
import dev.smalldoge.pretrain.Pretraining;
import dev.smalldoge.torch.Device;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The README's main job, run whole: it must end at the loss that the README promises. */
class QuickstartTest {
  private static final Pattern PROMISED =
      Pattern.compile("held-out loss of (\\d\\.\\d+) nats per token");

  @TempDir private Path folder;

  private static double promisedLoss() throws IOException {
    Matcher matcher = PROMISED.matcher(Files.readString(Path.of("..", "README.md")));
    assertThat(matcher.find()).as("README.md says which loss the quickstart ends with").isTrue();
    return Double.parseDouble(matcher.group(1));
  }

  @Test
  void tinyRecipeEndsAtThePromisedLoss() throws IOException {
    PretrainRecipe recipe =
        PretrainRecipe.load("../recipes/tiny/pretrain.yaml", "output_folder=" + folder);
    try (PretrainRun run = Pretraining.of(recipe, "../datasets").device(Device.CPU).start()) {
      // 3 % is what the README promises; another processor's rounding moves it by less
      assertThat(run.heldOutLoss()).isCloseTo(promisedLoss(), within(0.03 * promisedLoss()));
      assertThat(run.model().generate("The people", 20).toString()).startsWith("The people");
    }
    assertThat(folder.resolve("loss.png")).isNotEmptyFile();
  }
}
