package dev.smalldoge.cli;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.generate.Chat;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.torch.Device;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** A conversation on the terminal: a line is said, the reply is written as it comes. */
@Command(name = "chat", description = "Talk to a model; /reset forgets, /quit ends.")
final class ChatCommand implements Callable<Integer> {
  @Parameters(paramLabel = "MODEL", description = "a folder with model and tokenizer")
  private Path folder;

  @Option(names = "--system", description = "what the model is told beforehand")
  private String system;

  @Option(
      names = "--max-new-tokens",
      defaultValue = "256",
      description = "most tokens of a reply (${DEFAULT-VALUE})")
  private int maxNewTokens;

  @Option(
      names = "--temperature",
      defaultValue = "0.8",
      description = "draw at this temperature (${DEFAULT-VALUE})")
  private double temperature;

  @Option(
      names = "--top-p",
      defaultValue = "0.9",
      description = "draw among the tokens of so much probability (${DEFAULT-VALUE})")
  private double topP;

  @Option(names = "--seed", defaultValue = "0", description = "of the draws (${DEFAULT-VALUE})")
  private long seed;

  @Option(names = "--device", description = "cpu, gpu or gpu:N; the best one without it")
  private String device;

  @Option(names = "--precision", description = "fp32 or bf16; fp16 for its weights on a CPU")
  private String precision;

  @Override
  public Integer call() throws IOException {
    Device where = device == null ? Device.best() : Device.named(device);
    try (LanguageModel model =
        LanguageModel.open(folder, where, BenchCommand.precision(precision, where))) {
      Chat chat = Chat.with(model).seed(seed).maxNewTokens(maxNewTokens);
      chat.config(chat.config().withTemperature(temperature).withTopP(topP));
      chat.listener(
          (of, piece) -> {
            System.out.print(piece);
            System.out.flush();
          });
      if (system != null) {
        chat.system(system);
      }
      talk(chat, new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)));
    }
    return 0;
  }

  private static void talk(Chat chat, BufferedReader in) throws IOException {
    while (true) {
      System.out.print("> ");
      System.out.flush();
      String line = in.readLine();
      if (line == null || line.equals("/quit")) {
        return;
      }
      if (line.equals("/reset")) {
        chat.reset();
      } else if (!line.isBlank()) {
        try {
          chat.say(line);
          System.out.println();
        } catch (DogeException e) {
          System.out.println(e.getMessage()); // the conversation goes on without this line
        }
      }
    }
  }
}
