package dev.smalldoge.cli;

import dev.smalldoge.generate.Generation;
import dev.smalldoge.generate.Generator;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.torch.Device;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes after a prompt, token by token. */
@Command(name = "generate", description = "Let a model go on with a prompt.")
final class GenerateCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "MODEL", description = "a folder with model and tokenizer")
  private Path folder;

  @Parameters(index = "1", paramLabel = "PROMPT", description = "what the model goes on with")
  private String prompt;

  @Option(
      names = "--max-new-tokens",
      defaultValue = "100",
      description = "most tokens that are written (${DEFAULT-VALUE})")
  private int maxNewTokens;

  @Option(names = "--temperature", description = "draw at this temperature; greedy without it")
  private Double temperature;

  @Option(
      names = "--top-k",
      defaultValue = "50",
      description = "draw among so many likeliest tokens (${DEFAULT-VALUE})")
  private int topK;

  @Option(
      names = "--top-p",
      defaultValue = "1",
      description = "and among those of so much probability (${DEFAULT-VALUE})")
  private double topP;

  @Option(names = "--seed", defaultValue = "0", description = "of the draws (${DEFAULT-VALUE})")
  private long seed;

  @Option(names = "--stop", description = "text that ends the writing; may be given repeatedly")
  private String[] stops = {};

  @Option(names = "--device", description = "cpu, gpu or gpu:N; the best one without it")
  private String device;

  @Option(names = "--precision", description = "fp32 or bf16; fp16 for its weights on a CPU")
  private String precision;

  @Override
  public Integer call() {
    Device where = device == null ? Device.best() : Device.named(device);
    try (LanguageModel model =
        LanguageModel.open(folder, where, BenchCommand.precision(precision, where))) {
      Generator generator =
          model.generator().maxNewTokens(maxNewTokens).topK(topK).topP(topP).seed(seed);
      if (temperature != null) {
        generator.temperature(temperature);
      }
      StringBuilder unsaid = new StringBuilder(prompt); // nothing is said where it is refused
      Generation made =
          generator
              .stopAt(stops)
              .onText(
                  piece -> {
                    System.out.print(unsaid + piece);
                    System.out.flush();
                    unsaid.setLength(0);
                  })
              .run(prompt);
      System.out.println(unsaid);
      System.err.printf(
          Locale.ROOT,
          "%d tokens, %.1f tokens/s, %s%n",
          made.tokenIds().size(),
          made.tokensPerSecond(),
          made.finishReason());
    }
    return 0;
  }
}
