package dev.smalldoge.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** That the commands of the README and of docs/kernel.md can be typed as they stand there. */
class ReadmeTest {
  private static final Path ROOT = Path.of("..");

  /** A command in a line of a block, up to its comment, or in a code span, which may wrap. */
  private static final Pattern COMMAND =
      Pattern.compile("(?m)^\\./doge ([^#\\n]*)|`\\./doge ([^`]*)`");

  /** Those of the launcher, which LauncherTest runs. */
  private static final Set<String> BEFORE_JAVA = Set.of("setup", "quickstart", "test", "help");

  static Stream<String> commands() throws IOException {
    String text =
        Files.readString(ROOT.resolve("README.md"))
            + Files.readString(ROOT.resolve("docs/kernel.md"));
    return COMMAND
        .matcher(text)
        .results()
        .map(ReadmeTest::words)
        .filter(words -> !BEFORE_JAVA.contains(words.split(" ", 2)[0]) && !words.contains("…"))
        .distinct();
  }

  private static String words(MatchResult match) {
    String words = match.group(1) == null ? match.group(2) : match.group(1);
    return words.strip().replaceAll("\\s+", " ");
  }

  @ParameterizedTest
  @MethodSource("commands")
  void aCommandCanBeTypedAsItStands(String command) {
    List<String> words =
        Arrays.stream(command.split(" (?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", -1))
            .map(word -> word.replace("\"", ""))
            .toList();
    assertThatCode(() -> Main.commandLine().parseArgs(words.toArray(String[]::new)))
        .doesNotThrowAnyException();
    assertThat(words)
        .filteredOn(word -> word.startsWith("recipes/") || word.startsWith("datasets/"))
        .allSatisfy(word -> assertThat(ROOT.resolve(word)).exists());
  }
}
