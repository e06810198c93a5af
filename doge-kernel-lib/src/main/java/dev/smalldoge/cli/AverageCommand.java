package dev.smalldoge.cli;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.io.CheckpointAverage;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Averages the weights of checkpoints. */
@Command(name = "average", description = "Write the mean of several checkpoints as a model.")
final class AverageCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "CHECKPOINT",
      arity = "1..*",
      description = "model folders, oldest first")
  private List<Path> checkpoints;

  @Option(names = "--to", required = true, description = "folder of the averaged model")
  private Path target;

  @Option(
      names = "--method",
      defaultValue = "sma",
      description = "sma (equal shares), ema or wma (newer ones count more); ${DEFAULT-VALUE}")
  private String method;

  @Option(
      names = "--alpha",
      defaultValue = "0.2",
      description = "of ema: share of the newest (${DEFAULT-VALUE})")
  private double alpha;

  @Option(
      names = "--interval",
      defaultValue = "1",
      description = "take every so many-th only (${DEFAULT-VALUE})")
  private int interval;

  @Option(
      names = "--last",
      defaultValue = "10",
      description = "most checkpoints that are taken (${DEFAULT-VALUE})")
  private int last;

  @Override
  public Integer call() {
    List<Path> chosen = CheckpointAverage.choose(checkpoints, interval, last);
    double[] shares =
        switch (method) {
          case "sma" -> CheckpointAverage.simple(chosen.size());
          case "ema" -> CheckpointAverage.exponential(chosen.size(), alpha);
          case "wma" -> CheckpointAverage.linear(chosen.size());
          default ->
              throw new DogeException(
                  "method \"" + method + "\" is not known; use sma, ema or wma");
        };
    CheckpointAverage.write(chosen, shares, target);
    System.out.println(chosen.size() + " checkpoints averaged into " + target);
    return 0;
  }
}
