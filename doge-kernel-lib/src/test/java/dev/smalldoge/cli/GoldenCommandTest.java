package dev.smalldoge.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The exit code of {@code doge golden}: 0 if all figures of all cases hold, and only then. */
class GoldenCommandTest {
  private static final Path CASES = Path.of("src/test/resources/golden");

  @TempDir private Path folder;

  @Test
  void aCaseThatHoldsIsZero() {
    CommandRun run = CommandRun.of("golden", CASES.resolve("dense").toString()).exits(0);
    assertThat(run.out()).contains("dense, cpu", "all 53 figures hold").doesNotContain("FAIL");
  }

  @Test
  void oneCaseOfSeveralThatDoesNotHoldIsOne() throws IOException {
    twoCases("dynamic-mask"); // two models of one shape
    assertThat(CommandRun.of("golden", folder.toString()).exits(1).out())
        .contains("dense, cpu", "other-weights, cpu", "FAIL logits", "SOME FIGURES DO NOT HOLD");
  }

  @Test
  void aCaseWithoutFiguresIsOne() throws IOException {
    twoCases("dense");
    CommandRun.of("golden", folder.toString()).exits(0);
    Files.delete(folder.resolve("other-weights/golden.safetensors"));
    CommandRun.of("golden", folder.toString()).exits(1);
  }

  private void twoCases(String otherWeights) throws IOException {
    for (String name : new String[] {"dense", "other-weights"}) {
      Files.createDirectory(folder.resolve(name));
      for (String file : new String[] {"config.json", "golden.safetensors", "model.safetensors"}) {
        boolean other = name.equals("other-weights") && file.startsWith("model");
        String from = other ? otherWeights : "dense";
        Files.copy(CASES.resolve(from).resolve(file), folder.resolve(name).resolve(file));
      }
    }
  }

  @Test
  void aCaseThatCannotBeReadIsOneAndTheOthersAreStillCompared() throws IOException {
    Files.createDirectory(folder.resolve("a-torn"));
    Files.createDirectory(folder.resolve("b-whole"));
    for (String file : new String[] {"config.json", "golden.safetensors", "model.safetensors"}) {
      Path from = CASES.resolve("dense").resolve(file);
      Files.copy(from, folder.resolve("b-whole").resolve(file));
      byte[] bytes = Files.readAllBytes(from);
      Files.write(folder.resolve("a-torn").resolve(file), Arrays.copyOf(bytes, bytes.length / 2));
    }
    assertThat(CommandRun.of("golden", folder.toString()).exits(1).out())
        .contains("FAIL", "a-torn", "b-whole, cpu", "worst of 53 figures");
  }

  @Test
  void aFolderWithoutCasesIsOneAndAMistypedCommandTwo() {
    assertThat(CommandRun.of("golden", folder.toString()).exits(1).err())
        .contains(" holds no case: a case is a folder with config.json");
    assertThat(CommandRun.of("golden", folder.resolve("absent").toString()).exits(1).err())
        .contains("absent is not a folder; give one with golden cases");
    assertThat(CommandRun.of("golden").exits(2).err())
        .contains("Missing required parameter: 'FOLDER'");
    String dense = CASES.resolve("dense").toString();
    assertThat(CommandRun.of("golden", "--device", "tpu", dense).exits(1).err())
        .contains("device \"tpu\" is not known; use cpu, gpu or gpu:1");
  }
}
