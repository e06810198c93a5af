package dev.smalldoge.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.World;
import java.io.OutputStream;
import java.io.PrintStream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.OptionSpec;

/** The {@code doge} command line: one command per stage. */
@Command(
    name = "doge",
    description = "Train, fine-tune and talk to Doge small language models.",
    footer = {
      "",
      "The script ./doge also installs, builds and tests: ./doge setup, quickstart, test.",
      "doge COMMAND --help tells more; 0 is success, 1 a failure, 2 a mistyped command."
    },
    subcommands = {
      ChatCommand.class,
      DoctorCommand.class,
      DownloadCommand.class,
      PreprocessCommand.class,
      PretrainCommand.class,
      SftCommand.class,
      DpoCommand.class,
      LoraCommand.class,
      EvalCommand.class,
      AverageCommand.class,
      GenerateCommand.class,
      RecipesCommand.class,
      GoldenCommand.class,
      KernelCommand.class,
      JShellCommand.class,
      BenchCommand.class,
      TokenizerCommand.class,
      HelpCommand.class
    })
public final class Main {
  private Main() {}

  /** Runs a command; exits with 0, with 1 where it failed, with 2 where it was mistyped. */
  public static void main(String... arguments) {
    if (!World.ofEnvironment().isFirst()) {
      System.setOut(new PrintStream(OutputStream.nullOutputStream(), true, UTF_8)); // rank 0 speaks
    }
    System.exit(run(arguments));
  }

  /** The commands, each with {@code --help}. */
  static CommandLine commandLine() {
    CommandLine commandLine = new CommandLine(new Main());
    addHelp(commandLine);
    return commandLine;
  }

  /** Runs a command and tells its exit code. */
  static int run(String... arguments) {
    CommandLine commandLine = commandLine();
    commandLine.setExecutionExceptionHandler(
        (e, command, parsed) -> {
          if (e instanceof DogeException) {
            command.getErr().println(e.getMessage());
          } else {
            e.printStackTrace(command.getErr());
          }
          return 1;
        });
    return commandLine.execute(arguments);
  }

  /** Gives {@code --help} to every command; the command {@code help} has its own. */
  private static void addHelp(CommandLine command) {
    if (!(command.getCommand() instanceof HelpCommand)) {
      command
          .getCommandSpec()
          .addOption(
              OptionSpec.builder("-h", "--help")
                  .usageHelp(true)
                  .description("show this text")
                  .build());
    }
    command.getSubcommands().values().forEach(Main::addHelp);
  }
}
