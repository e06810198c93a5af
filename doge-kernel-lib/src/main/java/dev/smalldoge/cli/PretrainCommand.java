package dev.smalldoge.cli;

import dev.smalldoge.config.PretrainRecipe;
import dev.smalldoge.generate.Generation;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.pretrain.PretrainRun;
import dev.smalldoge.pretrain.Pretraining;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Pre-trains by a recipe: prints progress and loss, writes the model, and lets it speak. Ctrl-C
 * ends it with a checkpoint.
 */
@Command(name = "pretrain", description = "Pre-train a model by a recipe.")
final class PretrainCommand implements Callable<Integer> {
  private static final double SAMPLE_TEMPERATURE = 0.8;
  private static final long SAMPLE_SEED = 233;

  @Mixin private RecipeOptions options;

  @Option(
      names = "--prompt",
      defaultValue = "The people",
      description = "what the sample begins with (${DEFAULT-VALUE})")
  private String prompt;

  @Option(
      names = "--sample",
      defaultValue = "60",
      description = "tokens of the sample, 0 for none (${DEFAULT-VALUE})")
  private int sampleTokens;

  @Mixin private ProcessesOption processes;

  @Override
  public Integer call() {
    if (processes.launches()) {
      return processes.launch(options.typedDevice());
    }
    Pretraining pretraining =
        Pretraining.of(options.load(PretrainRecipe::load), options.datasets())
            .device(options.device());
    System.out.println(pretraining.plan());
    try (StopOnSignal stop = new StopOnSignal();
        PretrainRun run = pretraining.start()) {
      System.out.println(run);
      if (run.result().complete()) {
        System.out.println("plot: " + run.folder().resolve("loss.png"));
        if (sampleTokens > 0) {
          System.out.println("sample: " + sample(run.model()));
        }
      }
      return run.result().complete() ? 0 : 1;
    }
  }

  private Generation sample(LanguageModel model) {
    return model
        .generator()
        .maxNewTokens(sampleTokens)
        .temperature(SAMPLE_TEMPERATURE)
        .seed(SAMPLE_SEED)
        .run(prompt);
  }
}
