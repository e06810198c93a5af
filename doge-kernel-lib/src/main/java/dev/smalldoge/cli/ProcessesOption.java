package dev.smalldoge.cli;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.World;
import dev.smalldoge.torch.Torch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * {@code --processes N} of a command that trains: it starts itself N times, and these train
 * together, one GPU each where there are GPUs.
 *
 * <p>On several hosts, give each launcher the {@code WORLD_SIZE} of all of them, the {@code
 * MASTER_ADDR} and {@code MASTER_PORT} of the first, and as {@code RANK} the number of its own
 * first process.
 */
final class ProcessesOption {
  @Option(
      names = "--processes",
      paramLabel = "N",
      defaultValue = "1",
      description =
          "train with N processes of this host, one GPU each; they share"
              + " gradient_accumulation_steps, so the result is that of one")
  private int count;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  /** Whether the command has to start processes in place of doing its work. */
  boolean launches() {
    check(count > 0, "--processes %d is not positive; give the number of GPUs", count);
    return count > 1;
  }

  /**
   * Runs the command in several processes.
   *
   * @param device value of the command's {@code --device}; null without it
   * @return the exit code
   */
  int launch(String device) {
    List<String> original = command.root().commandLine().getParseResult().originalArgs();
    return new Processes(worlds(), visibleGpus(device), withoutOption(original)).run();
  }

  private List<World> worlds() {
    World told = World.ofEnvironment();
    if (told.isAlone()) {
      int port = Processes.freePort();
      return IntStream.range(0, count)
          .mapToObj(i -> new World(i, i, count, told.address(), port))
          .toList();
    }
    check(
        told.rank() + count <= told.size(),
        "%d processes from RANK %d on exceed WORLD_SIZE %d; give RANK the number of this host's"
            + " first process",
        count,
        told.rank(),
        told.size());
    return IntStream.range(0, count)
        .mapToObj(i -> new World(told.rank() + i, i, told.size(), told.address(), told.port()))
        .toList();
  }

  /** One GPU's number for each process, as CUDA_VISIBLE_DEVICES takes it; empty on the CPU. */
  private List<String> visibleGpus(String device) {
    int gpus = "cpu".equals(device) ? 0 : Torch.gpuCount();
    if (gpus == 0) {
      return List.of();
    }
    check(
        device == null || device.equals("gpu"),
        "--device %s is one GPU and --processes %d needs as many; leave --device out",
        device,
        count);
    check(
        count <= gpus,
        "--processes %d needs as many GPUs, and %d can be seen; give --processes %d",
        count,
        gpus,
        gpus);
    String visible = System.getenv("CUDA_VISIBLE_DEVICES");
    return visible == null
        ? IntStream.range(0, gpus).mapToObj(String::valueOf).toList()
        : Arrays.asList(visible.split(","));
  }

  private static List<String> withoutOption(List<String> arguments) {
    List<String> kept = new ArrayList<>();
    for (int i = 0; i < arguments.size(); i++) {
      if (arguments.get(i).equals("--processes")) {
        i++; // and its value
      } else if (!arguments.get(i).startsWith("--processes=")) {
        kept.add(arguments.get(i));
      }
    }
    return kept;
  }
}
