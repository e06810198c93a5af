package dev.smalldoge.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.model.Precision;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GuardChartTest {
  @TempDir private Path folder;

  @Test
  void drawsWhatTheGuardPrints() throws IOException {
    GuardCurve exact = curve("fp32", 1);
    GuardCurve fused = curve("bf16 fused", 1.004);
    Path output = folder.resolve("guard.txt");
    Files.writeString(
        output,
        printed(
            () -> {
              GuardReport.report("same weights", fused, exact, GuardReport.BOUNDS, 0, 0);
              GuardReport.report("run by itself, mean", fused, exact, GuardReport.BOUNDS, 0, 0);
            }));
    Path png = folder.resolve("guard.png");
    GuardChart.draw(output, png);
    BufferedImage picture = ImageIO.read(png.toFile());
    assertThat(picture.getWidth()).isEqualTo(900);
    // the curve of the norms' errors, in the lower half
    assertThat(count(picture, 400, 0x4c78a8)).isGreaterThan(300);
    assertThat(count(picture, 0, 0xe45756)).isGreaterThan(300);
  }

  private static GuardCurve curve(String name, double factor) {
    GuardCurve curve = new GuardCurve(name, Precision.FLOAT32, false, 40);
    Arrays.setAll(curve.losses, i -> 10 - 0.1 * i * factor);
    Arrays.setAll(curve.norms, i -> factor * (1 + i));
    return curve;
  }

  private static String printed(Runnable printing) {
    PrintStream before = System.out;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (PrintStream caught = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      System.setOut(caught);
      printing.run();
    } finally {
      System.setOut(before);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  private static int count(BufferedImage picture, int from, int color) {
    int count = 0;
    for (int y = from; y < from + 400; y++) {
      for (int x = 0; x < picture.getWidth(); x++) {
        count += distance(picture.getRGB(x, y), color) < 100 ? 1 : 0;
      }
    }
    return count;
  }

  /** Of red, green and blue; lines have soft edges. */
  private static int distance(int a, int b) {
    int distance = 0;
    for (int shift = 0; shift < 24; shift += 8) {
      distance += Math.abs((a >> shift & 0xff) - (b >> shift & 0xff));
    }
    return distance;
  }

  @Test
  void saysWhatItWantsInPlaceOfAnotherFile() throws IOException {
    Path other = Files.writeString(folder.resolve("other.txt"), "{\"bench\":\"train\"}\n");
    assertThatThrownBy(() -> GuardChart.draw(other, folder.resolve("a.png")))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("give what doge bench guard printed");
    assertThatThrownBy(() -> GuardChart.draw(folder.resolve("none"), folder.resolve("a.png")))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("Cannot read");
  }
}
