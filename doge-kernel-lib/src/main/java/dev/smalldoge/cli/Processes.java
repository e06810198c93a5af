package dev.smalldoge.cli;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.World;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Several processes of this program, the ranks of one world.
 *
 * <p>What the first one says is passed on; the others are heard only where they fail. When one
 * fails the rest end within seconds; when this process is asked to end, they are, and may save a
 * checkpoint first.
 */
final class Processes {
  /** For a last checkpoint; a rank whose peer died ends by itself, and much sooner. */
  private static final int GRACE_SECONDS = 60;

  private static final int LAST_LINES = 20;
  private static final int SIGNALLED = 128;

  private final List<World> worlds;
  private final List<String> gpus;
  private final List<String> arguments;
  private final List<Process> started = new ArrayList<>();
  private final List<Deque<String>> lastLines = new ArrayList<>();
  private final BlockingQueue<Integer> ended = new LinkedBlockingQueue<>();

  /**
   * Processes that are not started yet.
   *
   * @param worlds what each one is told
   * @param gpus the GPU of each one, empty on the CPU
   * @param arguments of the program
   */
  Processes(List<World> worlds, List<String> gpus, List<String> arguments) {
    this.worlds = worlds;
    this.gpus = gpus;
    this.arguments = arguments;
  }

  /** A port of this host that nobody listens on. */
  static int freePort() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new DogeException("No TCP port is free on this host (" + e.getMessage() + ")", e);
    }
  }

  /**
   * Starts all and waits for them.
   *
   * @return 0 where all did their work, else the exit code of the first that failed
   */
  int run() {
    Thread stop = new Thread(this::stop, "stop processes");
    Runtime.getRuntime().addShutdownHook(stop);
    try {
      for (int i = 0; i < worlds.size(); i++) {
        start(i);
      }
      return await();
    } catch (IOException e) {
      throw new DogeException("A process could not be started (" + e.getMessage() + ")", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return 1;
    } finally {
      started.forEach(Process::destroyForcibly);
      try {
        Runtime.getRuntime().removeShutdownHook(stop);
      } catch (IllegalStateException endingAlready) {
        // then it has done its work
      }
    }
  }

  private void start(int i) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(command);
    Map<String, String> environment = builder.environment();
    environment.putAll(worlds.get(i).environment());
    if (gpus.isEmpty()) {
      int cores = Runtime.getRuntime().availableProcessors();
      environment.putIfAbsent(
          "OMP_NUM_THREADS", String.valueOf(Math.max(1, cores / worlds.size())));
    } else {
      environment.put("CUDA_VISIBLE_DEVICES", gpus.get(i));
    }
    lastLines.add(new ArrayDeque<>());
    if (i == 0) {
      builder.redirectInput(ProcessBuilder.Redirect.INHERIT);
      builder.redirectOutput(ProcessBuilder.Redirect.INHERIT);
    } else {
      builder.redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")));
      builder.redirectOutput(ProcessBuilder.Redirect.DISCARD);
    }
    started.add(builder.start());
    Thread watcher = new Thread(() -> watch(i), "watcher of rank " + worlds.get(i).rank());
    watcher.setDaemon(true);
    watcher.start();
  }

  private void watch(int i) {
    Deque<String> last = lastLines.get(i);
    try (BufferedReader lines = started.get(i).errorReader()) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (i == 0) {
          System.err.println(line);
        }
        remember(line, last);
      }
      started.get(i).waitFor();
      ended.add(i);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void remember(String line, Deque<String> last) {
    synchronized (last) {
      last.add(line);
      if (last.size() > LAST_LINES) {
        last.remove();
      }
    }
  }

  private int await() throws InterruptedException {
    for (int left = started.size(); left > 0; left--) {
      int i = ended.take();
      int code = started.get(i).exitValue();
      if (code != 0) {
        awaitOthers(left - 1);
        tell(i, code);
        return code;
      }
    }
    return 0;
  }

  /** Lets the others say why they end too, and no longer than that takes. */
  private void awaitOthers(int count) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(GRACE_SECONDS);
    for (int left = count; left > 0; left--) {
      if (ended.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS) == null) {
        return;
      }
    }
  }

  private void tell(int i, int code) {
    int rank = worlds.get(i).rank();
    List<String> said = linesOf(0);
    linesOf(i).stream()
        .filter(line -> !said.contains(line)) // a mistake that all make is told once
        .forEach(line -> System.err.println("rank " + rank + ": " + line));
    if (code > SIGNALLED) {
      System.err.println("rank " + rank + " was ended by signal " + (code - SIGNALLED));
    }
  }

  private List<String> linesOf(int i) {
    synchronized (lastLines.get(i)) {
      return List.copyOf(lastLines.get(i));
    }
  }

  /** Asks all to end, and waits for their checkpoint. */
  private void stop() {
    started.forEach(process -> process.toHandle().destroy()); // and go on reading what they say
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(GRACE_SECONDS);
    for (Process process : started) {
      try {
        if (!process.waitFor(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)) {
          process.destroyForcibly();
        }
      } catch (InterruptedException e) {
        process.destroyForcibly();
      }
    }
  }
}
