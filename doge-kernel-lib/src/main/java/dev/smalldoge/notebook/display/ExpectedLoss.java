package dev.smalldoge.notebook.display;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.Home;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The training loss that a recipe came to before, which a new run is drawn over.
 *
 * <p>It lies in {@code recipes/expected/<name of the recipe>.csv}: lines that begin with {@code #}
 * say where it is from, then {@code step,loss}, updates done and nats per token.
 */
final class ExpectedLoss {
  private static final String HEADER = "step,loss";

  /** The loss after so many updates. */
  record Point(double step, double loss) {}

  private ExpectedLoss() {}

  /** The curve of the recipe {@code name}; empty where none is kept. */
  static List<Point> of(String name) {
    Path file = Home.path("recipes/expected/" + name.replaceAll("[^A-Za-z0-9 ._-]", "") + ".csv");
    return Files.isRegularFile(file) ? read(file) : List.of();
  }

  static List<Point> read(Path file) {
    List<Point> points = new ArrayList<>();
    try {
      for (String line : Files.readAllLines(file)) {
        if (line.startsWith("#") || line.isBlank() || line.equals(HEADER)) {
          continue;
        }
        String[] cells = line.split(",", -1);
        check(
            cells.length == 2 && cells[0].matches("\\d+") && cells[1].matches("\\d+(\\.\\d+)?"),
            "%s: \"%s\" is not \"step,loss\"; mend the line, or delete the file",
            file,
            line);
        points.add(new Point(Double.parseDouble(cells[0]), Double.parseDouble(cells[1])));
      }
    } catch (IOException e) {
      throw new DogeException("Cannot read " + file + "; delete it, or make it readable", e);
    }
    return List.copyOf(points);
  }
}
