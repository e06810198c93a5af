package dev.smalldoge.train;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.World;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.Weights;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.optim.WarmupStableDecay;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.TensorScope;
import java.io.File;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Collectors;

/**
 * What the tests of several ranks start as processes: {@code RanksRun <folder> <max steps> <step
 * after which the last rank is interrupted, or -1> <recompute>}. Micro-batches count different
 * numbers of tokens.
 */
public final class RanksRun {
  static final int ACCUMULATION = 4;

  private static final ModelConfig CONFIG =
      TinyRun.CONFIG.with(
          e -> {
            e.hiddenDropout = 0; // whose masks each rank draws for itself
            e.tieWordEmbeddings = true;
          });

  private RanksRun() {}

  /** Trains, as the rank that the environment says; rank 0's metrics are in the folder's log. */
  static void train(Path folder, long steps, long interruptAfter, boolean recompute) {
    Device device = Device.best();
    Operations operations = Operations.on(device);
    World world = World.ofEnvironment();
    Checkpoints checkpoints = new Checkpoints(folder, 0, p -> {});
    Optional<Path> latest = checkpoints.latest();
    try (Ranks ranks = Ranks.open(world, device);
        TensorScope scope = new TensorScope();
        DogeForCausalLm model =
            latest
                .map(path -> ModelFiles.open(path, device, Precision.FLOAT32))
                .orElseGet(
                    () ->
                        new DogeForCausalLm(
                            CONFIG,
                            // different on every rank: rank 0's must win
                            Weights.initialize(CONFIG, operations, 7 + world.rank()),
                            Precision.FLOAT32))) {
      model.recompute(recompute);
      model.weights().train(name -> true);
      try (AdamW optimizer = new AdamW(model.weights(), AdamW.Settings.PRETRAINING)) {
        Optional<TrainingState> state =
            latest.map(path -> Checkpoints.state(path, model.operations()));
        List<TrainingListener> log = new ArrayList<>();
        if (ranks.isFirst()) {
          long firstStep = state.map(TrainingState::step).orElse(0L);
          log.add(new MetricsLog(folder.resolve("metrics.jsonl"), firstStep));
        }
        boolean interrupts = world.rank() == world.size() - 1;
        TrainingLoop loop =
            new TrainingLoop(
                model,
                optimizer,
                new WarmupStableDecay(3e-3, 2, 16, 2, 0.1),
                new Uneven(operations, interrupts ? interruptAfter : -1),
                new TrainingLoop.Settings(steps, ACCUMULATION, 0, 0, 233, 0),
                null,
                checkpoints,
                log,
                ranks);
        state.ifPresent(loop::resume);
        loop.run();
        ranks.finish();
      }
    }
  }

  /** Micro-batches of 2 × 16 tokens that follow from their number, the first few not counted. */
  private static final class Uneven implements BatchSource {
    private final Operations operations;
    private final long interruptAfter;
    private long position;

    Uneven(Operations operations, long interruptAfter) {
      this.operations = operations;
      this.interruptAfter = interruptAfter;
    }

    @Override
    public List<MicroBatch> next(int count) {
      List<MicroBatch> window = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        if (interruptAfter >= 0 && position / ACCUMULATION == interruptAfter - 1) {
          Thread.currentThread().interrupt(); // in that step, which is finished
        }
        window.add(batch(position++));
      }
      return window;
    }

    private MicroBatch batch(long number) {
      SplittableRandom random = new SplittableRandom(number);
      int uncounted = 1 + (int) (number % 4) * 3;
      long[] ids = new long[32];
      long[] labels = new long[32];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = i % 2 == 0 ? 3 + random.nextInt(60) : (ids[i - 1] + 1) % 64;
        labels[i] = i % 16 < uncounted ? DogeForCausalLm.IGNORE_INDEX : ids[i];
      }
      return new LanguageModelBatch(
          ModelInput.of(operations, rows(ids)),
          operations.longs(labels, 2, 16),
          2L * (16 - uncounted));
    }

    private static long[][] rows(long[] ids) {
      return new long[][] {Arrays.copyOfRange(ids, 0, 16), Arrays.copyOfRange(ids, 16, 32)};
    }

    @Override
    public long position() {
      return position;
    }

    @Override
    public void seek(long newPosition) {
      position = newPosition;
    }
  }

  /** Trains in a process of its own. */
  public static void main(String... arguments) {
    try {
      train(
          Path.of(arguments[0]),
          Long.parseLong(arguments[1]),
          Long.parseLong(arguments[2]),
          Boolean.parseBoolean(arguments[3]));
    } catch (DogeException e) {
      System.err.println(e.getMessage());
      System.exit(1);
    }
  }

  /** Starts a world of such processes on this host; their errors go to {@code rank-N.err}. */
  static List<Process> start(
      int size, boolean gpus, Path folder, long steps, long interruptAfter, boolean recompute)
      throws IOException {
    int port;
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    List<Process> processes = new ArrayList<>();
    for (int rank = 0; rank < size; rank++) {
      ProcessBuilder builder =
          new ProcessBuilder(
              ProcessHandle.current().info().command().orElse("java"),
              "-XX:TieredStopAtLevel=1",
              "-XX:+UseSerialGC",
              "-Xmx512m",
              "-cp",
              classPath(),
              RanksRun.class.getName(),
              folder.toString(),
              String.valueOf(steps),
              String.valueOf(interruptAfter),
              String.valueOf(recompute));
      if (gpus) {
        builder.environment().put("CUDA_VISIBLE_DEVICES", String.valueOf(rank));
      }
      builder.environment().put("OMP_NUM_THREADS", "1");
      builder.environment().putAll(new World(rank, rank, size, "127.0.0.1", port).environment());
      builder.redirectOutput(ProcessBuilder.Redirect.DISCARD);
      builder.redirectError(errors(folder, rank).toFile());
      processes.add(builder.start());
    }
    return processes;
  }

  /** Of this test run; some launchers keep it in a class loader of their own. */
  static String classPath() {
    if (RanksRun.class.getClassLoader() instanceof URLClassLoader loader) {
      return Arrays.stream(loader.getURLs())
          .map(url -> Path.of(URI.create(url.toString())).toString())
          .collect(Collectors.joining(File.pathSeparator));
    }
    return System.getProperty("java.class.path");
  }

  static Path errors(Path folder, int rank) {
    return folder.resolveSibling(folder.getFileName() + "-rank-" + rank + ".err");
  }
}
