package dev.smalldoge.train;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.Weights;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.optim.WarmupStableDecay;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.TensorScope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A run of a 2-layer model with dropout that resumes from what its folder holds. As a program it is
 * what the tests kill: {@code TinyRun <folder> <steps> <save every>}.
 */
public final class TinyRun {
  static final ModelConfig CONFIG =
      ModelConfig.tiny()
          .with(
              e -> {
                e.vocabSize = 64;
                e.hiddenSize = 32;
                e.intermediateSize = 64;
                e.numHiddenLayers = 2;
                e.hiddenDropout = 0.1;
              });

  private TinyRun() {}

  /** Trains as far as {@code maxSteps}, or {@code stopAfter} steps in this session. */
  static Map<Long, StepMetrics> train(
      Path folder, long maxSteps, long saveEvery, long stopAfter, ModelConfig config) {
    Operations operations = Operations.on(Device.CPU);
    Checkpoints checkpoints = new Checkpoints(folder, 2, p -> {});
    Optional<Path> latest = checkpoints.latest();
    Map<Long, StepMetrics> steps = new TreeMap<>();
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model =
            latest
                .map(p -> ModelFiles.open(p, Device.CPU, Precision.FLOAT32))
                .orElseGet(
                    () ->
                        new DogeForCausalLm(
                            config,
                            Weights.initialize(config, operations, 7),
                            Precision.FLOAT32))) {
      model.weights().train(name -> true);
      try (AdamW optimizer = new AdamW(model.weights(), AdamW.Settings.PRETRAINING)) {
        List<TrainingLoop> running = new ArrayList<>();
        TrainingListener listener =
            new TrainingListener() {
              @Override
              public void stepped(StepMetrics metrics) {
                steps.put(metrics.step(), metrics);
                if (steps.size() == stopAfter) {
                  running.get(0).stop();
                }
              }
            };
        TrainingLoop loop =
            new TrainingLoop(
                model,
                optimizer,
                new WarmupStableDecay(3e-3, 5, (int) maxSteps - 15, 10, 0),
                SeededBatches.of(config.vocabSize(), 2, 16),
                new TrainingLoop.Settings(maxSteps, 2, 0, saveEvery, 233, config.isMoe() ? 5 : 0),
                null,
                checkpoints,
                List.of(listener));
        running.add(loop);
        latest.ifPresent(p -> loop.resume(Checkpoints.state(p, operations)));
        loop.run();
      }
    }
    return steps;
  }

  /** Trains in a process of its own. */
  public static void main(String... arguments) {
    train(
        Path.of(arguments[0]),
        Long.parseLong(arguments[1]),
        Long.parseLong(arguments[2]),
        Long.MAX_VALUE,
        CONFIG);
  }
}
