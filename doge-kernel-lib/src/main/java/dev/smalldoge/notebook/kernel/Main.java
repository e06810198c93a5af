package dev.smalldoge.notebook.kernel;

import io.github.spencerpark.jupyter.channels.JupyterSocket;
import io.github.spencerpark.jupyter.kernel.KernelConnectionProperties;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.logging.Level;

/** Starts the kernel: Jupyter runs this with the name of a connection file. */
public final class Main {
  private static final PrintStream LOG = System.err; // the server's log, not the notebook

  private static PreviousKernel previous;

  private Main() {}

  /** Serves the connection that {@code arguments[0]} describes until Jupyter ends it. */
  public static void main(String... arguments) throws IOException, GeneralSecurityException {
    if (arguments.length != 1) {
      LOG.println("Jupyter starts this with one connection file; install it for Jupyter instead.");
      System.exit(2);
    }
    JupyterSocket.JUPYTER_LOGGER.setLevel(Level.WARNING);
    Path connectionFile = Path.of(arguments[0]);
    KernelConnectionProperties properties =
        KernelConnectionProperties.parse(Files.readString(connectionFile));
    previous = new PreviousKernel(connectionFile);
    KernelConnection connection = new KernelConnection(properties);
    DogeKernel kernel = new DogeKernel(System.getenv(), previous.begin());
    Runtime.getRuntime().addShutdownHook(new Thread(previous::exits, "exits"));
    kernel.becomeHandlerForConnection(connection);
    connection.connect();
    endWithParent(kernel);
    connection.waitUntilClose();
    previous.end();
    System.exit(0);
  }

  /** A kernel whose Jupyter is gone would train on unseen: let it stop, and save what it saves. */
  private static void endWithParent(DogeKernel kernel) {
    String parent = System.getenv("JPY_PARENT_PID");
    if (parent != null && parent.matches("\\d+")) {
      var unused =
          ProcessHandle.of(Long.parseLong(parent))
              .map(process -> process.onExit().thenRun(() -> kernel.onShutdown(false)));
    }
  }

  /** Writes one line to the server's log. */
  static void log(String line) {
    LOG.println("[doge kernel] " + line);
  }

  /** Ends the process within the seconds that Jupyter allows, whatever still runs. */
  static void exitSoon() {
    Thread thread =
        new Thread(
            () -> {
              try {
                Thread.sleep(4_000);
              } catch (InterruptedException e) {
                log("the wait before the exit was cut short");
              }
              previous.end();
              Runtime.getRuntime().halt(0);
            },
            "exit");
    thread.setDaemon(true);
    thread.start();
  }
}
