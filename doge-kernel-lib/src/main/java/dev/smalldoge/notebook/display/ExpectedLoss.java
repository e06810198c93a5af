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
 *
 * @param steps updates done, rising
 * @param losses nats per token at each
 */
record ExpectedLoss(double[] steps, double[] losses) {
  private static final String HEADER = "step,loss";

  /** The curve of the recipe {@code name}; empty where none is kept. */
  static ExpectedLoss of(String name) {
    Path file = Home.path("recipes/expected/" + name.replaceAll("[^A-Za-z0-9 ._-]", "") + ".csv");
    return Files.isRegularFile(file) ? read(file) : new ExpectedLoss(new double[0], new double[0]);
  }

  static ExpectedLoss read(Path file) {
    List<double[]> points = new ArrayList<>();
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
        points.add(new double[] {Double.parseDouble(cells[0]), Double.parseDouble(cells[1])});
      }
    } catch (IOException e) {
      throw new DogeException("Cannot read " + file + "; delete it, or make it readable", e);
    }
    return new ExpectedLoss(
        points.stream().mapToDouble(point -> point[0]).toArray(),
        points.stream().mapToDouble(point -> point[1]).toArray());
  }
}
