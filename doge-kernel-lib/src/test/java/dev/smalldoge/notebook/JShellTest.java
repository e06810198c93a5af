package dev.smalldoge.notebook;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The real jshell tool, as {@code doge jshell} starts it, with this library preloaded. */
class JShellTest {
  @TempDir private Path folder;

  @Test
  void librarysNamesAndDisplaysAreThere() throws Exception {
    String script =
        """
        System.out.println("hidden " + ModelConfig.tiny().hiddenSize())
        show(Map.of("shown", 2));
        display(Table.create("t", DoubleColumn.create("loss", 1.5)));
        var chart = LiveChart.start("run");
        chart.add(new TrainingMoment(1, 10, 3.25, Double.NaN, 1e-3, 1, 1000, 0, null));
        chart.close();
        try { ModelConfig.tiny().withVocabSize(0); } catch (RuntimeException e) { System.out.println(e.getMessage()); }
        /exit
        """;
    List<String> lines = run(script);
    assertThat(lines)
        .contains("hidden 128", "{shown=2}")
        .anyMatch(line -> line.contains("loss"))
        .anyMatch(line -> line.startsWith("run: step 1/10 (10.0 %)  loss 3.2500"))
        .contains("vocabSize 0 is not positive; give at least 1")
        .noneMatch(line -> line.contains("rror"));
  }

  private List<String> run(String script) throws Exception {
    Path input = Files.writeString(folder.resolve("input.jsh"), script);
    Path output = folder.resolve("output.txt");
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    List<String> command =
        List.of(
            ProcessHandle.current().info().command().orElse("java"),
            "-cp",
            classPath,
            "dev.smalldoge.cli.Main",
            "jshell",
            "-");
    Process process =
        new ProcessBuilder(command)
            .redirectInput(input.toFile())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("jshell ended").isTrue();
    assertThat(process.exitValue()).as(Files.readString(output)).isZero();
    return Files.readAllLines(output);
  }
}
