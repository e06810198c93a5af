package dev.smalldoge.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.io.WeightNames;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.Weights;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.optim.LearningRateSchedule;
import dev.smalldoge.optim.WarmupStableDecay;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the loop does around its updates. */
class TrainingLoopTest {
  @TempDir private Path folder;

  private final Operations operations = Operations.on(Device.CPU);

  /** What a run is made of; each test changes what it is about. */
  private final class Run {
    private ModelConfig config = TinyRun.CONFIG;
    private Precision precision = Precision.FLOAT32;
    private LearningRateSchedule schedule = new WarmupStableDecay(3e-3, 2, 100, 0, 0);
    private long maxSteps = 12;
    private long evaluateEvery;
    private long saveEvery;
    private long expertWarmup;
    private int keepLast;
    private boolean recompute;
    private BatchSource batches = SeededBatches.of(64, 2, 16);
    private Evaluation evaluation;
    private final List<TrainingListener> listeners = new ArrayList<>();
    private final List<StepMetrics> steps = new ArrayList<>();
    private final List<String> events = new ArrayList<>();
    private TrainingLoop loop;

    /** Trains, from the last checkpoint where there is one; whether all steps were done. */
    boolean train() {
      Checkpoints checkpoints = new Checkpoints(folder, keepLast, p -> {});
      Optional<Path> latest = checkpoints.latest();
      try (TensorScope scope = new TensorScope();
          DogeForCausalLm model = model(latest)) {
        model.weights().train(name -> true);
        model.recompute(recompute);
        listeners.add(0, recorder());
        try (AdamW optimizer = new AdamW(model.weights(), AdamW.Settings.PRETRAINING)) {
          var settings =
              new TrainingLoop.Settings(maxSteps, 2, evaluateEvery, saveEvery, 233, expertWarmup);
          loop =
              new TrainingLoop(
                  model,
                  optimizer,
                  schedule,
                  batches,
                  settings,
                  evaluation,
                  checkpoints,
                  listeners);
          latest.ifPresent(p -> loop.resume(Checkpoints.state(p, operations)));
          return loop.run();
        }
      }
    }

    private DogeForCausalLm model(Optional<Path> checkpoint) {
      return checkpoint
          .map(p -> ModelFiles.open(p, Device.CPU, precision))
          .orElseGet(
              () ->
                  new DogeForCausalLm(
                      config, Weights.initialize(config, operations, 7), precision));
    }

    private TrainingListener recorder() {
      return new TrainingListener() {
        @Override
        public void stepped(StepMetrics metrics) {
          steps.add(metrics);
        }

        @Override
        public void evaluated(EvaluationMetrics metrics) {
          events.add("evaluated " + metrics.step());
        }

        @Override
        public void saved(Path checkpoint) {
          events.add("saved " + checkpoint.getFileName());
        }

        @Override
        public void finished(boolean complete) {
          events.add("finished " + complete);
        }
      };
    }
  }

  private static TrainingListener onStep(long step, Runnable action) {
    return new TrainingListener() {
      @Override
      public void stepped(StepMetrics metrics) {
        if (metrics.step() == step) {
          action.run();
        }
      }
    };
  }

  @Test
  void evaluatesAndSavesEverySoManySteps() {
    Run run = new Run();
    run.evaluateEvery = 4;
    run.saveEvery = 5;
    run.evaluation = new HeldOutLoss(() -> SeededBatches.of(64, 1, 16), 3);
    assertThat(run.train()).isTrue();
    assertThat(run.events)
        .containsExactly(
            "evaluated 4",
            "saved checkpoint-5",
            "evaluated 8",
            "saved checkpoint-10",
            "evaluated 12",
            "saved checkpoint-12",
            "finished true");
    assertThat(run.steps).extracting(StepMetrics::step).containsExactly(steps(0, 12));
    assertThat(run.steps.get(11).tokensSeen())
        .isEqualTo(run.steps.stream().mapToLong(StepMetrics::countedTokens).sum());
  }

  private static Long[] steps(long from, long to) {
    return Stream.iterate(from, s -> s < to, s -> s + 1).toArray(Long[]::new);
  }

  @Test
  void onlyTheLastCheckpointsAreKept() {
    Run run = new Run();
    run.saveEvery = 2;
    run.keepLast = 3;
    run.train();
    assertThat(new Checkpoints(folder, 3, p -> {}).list())
        .extracting(p -> p.getFileName().toString())
        .containsExactly("checkpoint-8", "checkpoint-10", "checkpoint-12");
  }

  @ParameterizedTest
  @CsvSource({"stop, 0", "interrupt, 0", "stop, 1"})
  void aStopIsHonouredAtTheEndOfAStepWithOneCheckpoint(String how, long saveEvery) {
    Run run = new Run();
    run.saveEvery = 7 * saveEvery; // where a stop is heard at a step that is saved anyway
    run.listeners.add(
        onStep(
            5,
            () -> {
              if (how.equals("stop")) {
                run.loop.stop();
              } else {
                Thread.currentThread().interrupt();
              }
            }));
    assertThat(run.train()).isFalse();
    assertThat(Thread.interrupted()).as("left over").isFalse();
    long done = run.loop.step();
    assertThat(done).isBetween(6L, 7L); // figures are heard one step late
    assertThat(run.events).containsExactly("saved checkpoint-" + done, "finished false");
    Run again = new Run();
    assertThat(again.train()).isTrue();
    assertThat(again.steps).extracting(StepMetrics::step).containsExactly(steps(done, 12));
  }

  /** A plateau's checkpoint is the start of a longer run: the rate goes on where it was. */
  @Test
  void aStablePhaseGoesOnWithoutAJumpOfTheLearningRate() {
    Run first = new Run();
    first.maxSteps = 8;
    first.schedule = new WarmupStableDecay(3e-3, 2, 100, 4, 0); // stops on the plateau
    first.train();
    Run longer = new Run();
    longer.maxSteps = 16;
    longer.schedule = new WarmupStableDecay(3e-3, 2, 10, 4, 0);
    longer.train();
    assertThat(first.steps).last().extracting(StepMetrics::learningRate).isEqualTo(3e-3);
    assertThat(longer.steps)
        .extracting(StepMetrics::learningRate)
        .containsExactly(3e-3, 3e-3, 3e-3, 3e-3, 3e-3, 3e-3 * 0.75, 3e-3 * 0.5, 3e-3 * 0.25);
    double last = first.steps.get(7).loss();
    double next = longer.steps.get(0).loss();
    assertThat(next).as("no spike: the optimizer's moments go on, too").isLessThan(last + 0.2);
    assertThat(longer.steps.get(7).loss()).isLessThan(first.steps.get(0).loss());
  }

  @Test
  void aJumpOfTheLearningRateIsSaid() {
    var schedule = new WarmupStableDecay(3e-3, 2, 10, 4, 0);
    assertThat(TrainingLoop.jump(schedule, state(8, 3e-3))).isEmpty(); // the plateau's
    assertThat(TrainingLoop.jump(schedule, state(1, 0))).isEmpty(); // the warm-up's
    assertThat(TrainingLoop.jump(schedule, state(8, 6e-3))).isEmpty(); // half the rate, on advice
    assertThat(TrainingLoop.jump(schedule, state(8, 1e-3)).orElseThrow())
        .startsWith("WARNING: the learning rate jumps from 1.00e-03 to about 3.00e-03 at step 8");
  }

  private static TrainingState state(long step, double learningRate) {
    return new TrainingState(step, 0, 0, 233, learningRate, Map.of(), Map.of());
  }

  @Test
  void expertsWarmUpAloneAndThenAllTrainInOneRun() {
    Run run = new Run();
    run.config = TinyRun.CONFIG.withExperts(16, 2);
    run.expertWarmup = 4;
    run.saveEvery = 1;
    run.train();
    assertThat(moved(1, 4)).isNotEmpty().allMatch(WeightNames::isExpert);
    assertThat(moved(4, 12)).isEqualTo(WeightNames.expected(run.config).keySet());
  }

  private Set<String> moved(int from, int to) {
    TreeSet<String> moved = new TreeSet<>();
    Map<String, float[]> before = weights(from);
    weights(to)
        .forEach(
            (name, values) -> {
              if (!java.util.Arrays.equals(values, before.get(name))) {
                moved.add(name);
              }
            });
    return moved;
  }

  private Map<String, float[]> weights(int step) {
    Map<String, float[]> values = new HashMap<>();
    try (DogeForCausalLm model =
        ModelFiles.open(folder.resolve("checkpoint-" + step), Device.CPU, Precision.FLOAT32)) {
      model.weights().byName().forEach((n, w) -> values.put(n, w.toFloats()));
    }
    return values;
  }

  @Test
  void warmingUpExpertsThatAreNotThereIsTold() {
    Run run = new Run();
    run.expertWarmup = 4;
    assertThatThrownBy(run::train)
        .isInstanceOf(DogeException.class)
        .hasMessage("expertWarmupSteps 4 needs experts, and this model has none; use 0");
  }

  /** A batch whose gradient is not finite changes nothing, and the last checkpoint stays. */
  @Test
  void aLossThatIsNotFiniteStopsBeforeItHarms() throws IOException {
    Run run = new Run();
    run.saveEvery = 3;
    run.batches = new Poisoned(run.batches, 9); // two micro-batches a step: in step 4
    assertThatThrownBy(run::train)
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("of step 4 is not finite (last losses: 4.")
        .hasMessageContaining("that step changed no weight")
        .hasMessageContaining("resume it with half the learning rate 0.003");
    assertThat(run.steps).extracting(StepMetrics::step).containsExactly(steps(0, 4));
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left).containsExactly(folder.resolve("checkpoint-3"));
    }
  }

  /** Batches of which one scales its gradient to infinity. */
  private record Poisoned(BatchSource batches, long at) implements BatchSource {
    @Override
    public List<MicroBatch> next(int count) {
      List<MicroBatch> window = new ArrayList<>();
      for (MicroBatch batch : batches.next(count)) {
        window.add(position() - count + window.size() == at ? poisoned(batch) : batch);
      }
      return window;
    }

    private static MicroBatch poisoned(MicroBatch batch) {
      return new MicroBatch() {
        @Override
        public long counted() {
          return batch.counted();
        }

        @Override
        public long tokens() {
          return batch.tokens();
        }

        @Override
        public Result backward(DogeForCausalLm model, long counted, int microBatches) {
          LanguageModelBatch real = (LanguageModelBatch) batch;
          var loss = model.backward(real.input(), real.labels(), Double.POSITIVE_INFINITY, 0);
          return new Result(loss.nats(), null, Map.of());
        }

        @Override
        public void close() {
          batch.close();
        }
      };
    }

    @Override
    public long position() {
      return batches.position();
    }

    @Override
    public void seek(long position) {
      batches.seek(position);
    }
  }

  @Test
  void spikesAreMeasuredInDeviationsOfTheLossesBefore() {
    Run run = new Run();
    run.maxSteps = 14;
    run.train();
    for (int step = 0; step < 14; step++) {
      double expected = step < 10 ? 0 : zScore(run.steps, step);
      assertThat(run.steps.get(step).spike()).as("step %d", step).isCloseTo(expected, within(1e-9));
    }
  }

  private static double zScore(List<StepMetrics> steps, int at) {
    double[] before = steps.stream().limit(at).mapToDouble(StepMetrics::loss).toArray();
    double mean = java.util.Arrays.stream(before).average().orElseThrow();
    double variance =
        java.util.Arrays.stream(before).map(x -> (x - mean) * (x - mean)).average().orElseThrow();
    return (steps.get(at).loss() - mean) / Math.sqrt(variance);
  }

  /** Every kind of run gives back what it takes: nothing grows after the third step. */
  @ParameterizedTest
  @CsvSource({
    "false, false, false",
    "true, false, false",
    "false, true, false",
    "true, true, false",
    "false, false, true"
  })
  void liveArraysAreConstantAfterStepThree(boolean experts, boolean recompute, boolean bfloat16) {
    Run run = new Run();
    if (experts) {
      run.config = TinyRun.CONFIG.withExperts(16, 2).with(e -> e.outputRouterLogits = true);
    }
    run.recompute = recompute;
    run.precision = bfloat16 ? Precision.BFLOAT16 : Precision.FLOAT32;
    run.evaluateEvery = 1;
    run.saveEvery = 1;
    run.keepLast = 2;
    run.evaluation = new HeldOutLoss(() -> SeededBatches.of(64, 1, 16), 2);
    List<Long> live = new ArrayList<>();
    run.listeners.add(
        new TrainingListener() {
          @Override
          public void evaluated(EvaluationMetrics metrics) {
            live.add(Tensor.live());
          }
        });
    run.train();
    assertThat(live.subList(3, live.size())).hasSize(9).containsOnly(live.get(2));
  }

  /** bf16 on the CPU trains as fp32 does, to what bf16 can tell, and resumes bit for bit. */
  @Test
  void bfloat16TrainsOnTheCpu() {
    List<StepMetrics> wide = losses(Precision.FLOAT32, "wide");
    List<StepMetrics> narrow = losses(Precision.BFLOAT16, "narrow");
    for (int step = 0; step < 40; step++) {
      double expected = wide.get(step).loss();
      // 2^-9 a rounding, averaged over the tokens; the two runs' weights drift apart a little
      assertThat(narrow.get(step).loss())
          .as("step %d", step)
          .isCloseTo(expected, within(1e-2 * expected));
    }
    assertThat(narrow.get(39).loss()).isLessThan(narrow.get(0).loss() - 0.5);
  }

  private List<StepMetrics> losses(Precision precision, String name) {
    TrainingLoopTest other = new TrainingLoopTest();
    other.folder = folder.resolve(name);
    Run run = other.new Run();
    run.config = TinyRun.CONFIG.with(e -> e.hiddenDropout = 0);
    run.precision = precision;
    run.maxSteps = 40;
    run.train();
    return run.steps;
  }
}
