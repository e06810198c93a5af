package dev.smalldoge.cli;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.eval.GoldenCheck;
import dev.smalldoge.torch.Device;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Compares the model with the reference's figures; succeeds only if all hold. */
@Command(
    name = "golden",
    description = "Compare logits, losses, gradients and training with a reference's figures.")
final class GoldenCommand implements Callable<Integer> {
  @Parameters(paramLabel = "FOLDER", description = "a case, or a folder of cases")
  private Path folder;

  @Option(names = "--device", defaultValue = "cpu", description = "cpu (default), gpu or gpu:N")
  private String device;

  @Override
  public Integer call() throws IOException {
    Device where = Device.named(device);
    boolean all = true;
    int figures = 0;
    int remarks = 0;
    for (Path one : cases()) {
      GoldenCheck.Report report;
      try {
        report = GoldenCheck.run(one, where);
      } catch (DogeException e) { // the other cases still say something
        System.out.println("  FAIL " + e.getMessage() + System.lineSeparator());
        all = false;
        continue;
      }
      System.out.println(report);
      GoldenCheck.Figure worst = report.worst();
      System.out.printf(
          Locale.ROOT,
          "  worst of %d figures: %s, %.2e of at most %.1e%n%n",
          report.figures().size(),
          worst.name(),
          worst.error(),
          worst.tolerance());
      all &= report.holds();
      figures += report.figures().size();
      remarks += report.remarks().size();
    }
    System.out.println(
        (all ? "all " + figures + " figures hold" : "SOME FIGURES DO NOT HOLD")
            + (remarks > 0 ? "; " + remarks + " remarks on what was not compared, see above" : ""));
    return all ? 0 : 1;
  }

  private List<Path> cases() throws IOException {
    if (isCase(folder)) {
      return List.of(folder);
    }
    check(Files.isDirectory(folder), "%s is not a folder; give one with golden cases", folder);
    try (Stream<Path> inside = Files.list(folder)) {
      List<Path> cases = inside.filter(GoldenCommand::isCase).sorted().toList();
      check(
          !cases.isEmpty(),
          "%s holds no case: a case is a folder with config.json, model.safetensors and"
              + " golden.safetensors",
          folder);
      return cases;
    }
  }

  /** Whether it is meant as one; a file that is missing is told when the case is opened. */
  private static boolean isCase(Path folder) {
    return Files.exists(folder.resolve("golden.safetensors"))
        || Files.exists(folder.resolve("config.json"));
  }
}
