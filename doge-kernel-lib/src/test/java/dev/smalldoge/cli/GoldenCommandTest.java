package dev.smalldoge.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
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
    assertThat(Main.run("golden", CASES.resolve("dense").toString())).isZero();
  }

  @Test
  void oneCaseOfSeveralThatDoesNotHoldIsOne() throws IOException {
    twoCases("dynamic-mask"); // two models of one shape
    assertThat(Main.run("golden", folder.toString())).isOne();
  }

  @Test
  void aCaseWithoutFiguresIsOne() throws IOException {
    twoCases("dense");
    assertThat(Main.run("golden", folder.toString())).isZero();
    Files.delete(folder.resolve("other-weights/golden.safetensors"));
    assertThat(Main.run("golden", folder.toString())).isOne();
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
    PrintStream before = System.out;
    var out = new ByteArrayOutputStream();
    try {
      System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
      assertThat(Main.run("golden", folder.toString())).isOne();
    } finally {
      System.setOut(before);
    }
    assertThat(out.toString(StandardCharsets.UTF_8))
        .contains("FAIL", "a-torn", "b-whole, cpu", "worst of 53 figures");
  }

  @Test
  void aFolderWithoutCasesIsOneAndAMistypedCommandTwo() {
    assertThat(Main.run("golden", folder.toString())).isOne();
    assertThat(Main.run("golden", folder.resolve("absent").toString())).isOne();
    assertThat(Main.run("golden")).isEqualTo(2);
    assertThat(Main.run("golden", "--device", "tpu", CASES.resolve("dense").toString())).isOne();
  }
}
