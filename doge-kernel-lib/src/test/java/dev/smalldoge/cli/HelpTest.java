package dev.smalldoge.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

class HelpTest {
  /** Every command and command of a command, as its words. */
  static Stream<List<String>> commands() {
    List<List<String>> all = new ArrayList<>();
    collect(Main.commandLine(), List.of(), all);
    return all.stream();
  }

  private static void collect(CommandLine command, List<String> words, List<List<String>> all) {
    if (!words.equals(List.of("help"))) {
      all.add(words);
    }
    command
        .getSubcommands()
        .forEach(
            (name, sub) -> {
              List<String> longer = new ArrayList<>(words);
              longer.add(name);
              collect(sub, longer, all);
            });
  }

  @ParameterizedTest
  @MethodSource("commands")
  void everyCommandHasHelpWithAWordOnEachOption(List<String> words) {
    CommandLine command = Main.commandLine();
    for (String word : words) {
      command = command.getSubcommands().get(word);
    }
    CommandSpec spec = command.getCommandSpec();
    for (OptionSpec option : spec.options()) {
      assertThat(option.description()).as("%s %s", words, option.longestName()).isNotEmpty();
    }
    for (PositionalParamSpec parameter : spec.positionalParameters()) {
      assertThat(parameter.description()).as("%s %s", words, parameter.paramLabel()).isNotEmpty();
    }
    List<String> typed = new ArrayList<>(words);
    typed.add("--help");
    CommandRun run = CommandRun.of(typed.toArray(String[]::new)).exits(0);
    assertThat(run.out()).startsWith("Usage: " + spec.qualifiedName());
  }

  @Test
  void tensorBoardIsAnOptionOfTrainingsAlone() {
    assertThat(CommandRun.of("golden", "--help").out()).doesNotContain("tensorboard");
    for (String stage : List.of("pretrain", "sft", "dpo")) {
      assertThat(CommandRun.of(stage, "--help").out()).contains("--tensorboard");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "pretrain --devic cpu recipes/tiny/pretrain.yaml, --device",
    "generate runs/x hello --max-token 5, --max-new-tokens",
    "pretain x, Did you mean: doge pretrain",
    "golden, Missing required parameter: 'FOLDER'",
  })
  void aMistypedCommandIsTwoAndNamesTheNearest(String line, String hint) {
    CommandRun run = CommandRun.of(line.split(" ", -1)).exits(2);
    assertThat(run.err()).contains(hint);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "pretrain nothere.yaml | does not exist; look into recipes/",
        "pretrain ../recipes/tiny/pretrain.yaml lerning_rate=1 | did you mean \"learning_rate\"?",
        "pretrain ../recipes/tiny/sft.yaml | is a recipe of stage sft",
        "generate runs/nothing hello | does not exist",
        "chat runs/nothing | does not exist",
        "eval runs/nothing | nothing is to be measured; give --text or --task",
        "recipes nothere.yaml | does not exist",
        "preprocess nothere --tokenizer datasets/none | has no corpus \"nothere\"",
        "kernel preload nosuch | use ijava or jjava",
        "bench generate --sizes 7B | size \"7B\" is not known; use",
        "bench generate --precision fp17 | precision \"fp17\" is not known",
      })
  void aFailureIsOneAndSaysItInASentence(String line, String sentence) {
    CommandRun run = CommandRun.of(line.split(" ", -1)).exits(1);
    assertThat(run.out() + run.err()).contains(sentence).doesNotContain("\tat ");
  }
}
