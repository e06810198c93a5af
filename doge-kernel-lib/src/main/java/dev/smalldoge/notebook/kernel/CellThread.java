package dev.smalldoge.notebook.kernel;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The one thread that runs cells: it alone is ever interrupted or stopped.
 *
 * <p>The same thread runs every cell, since native libraries keep settings per thread.
 */
final class CellThread {
  private final Object lock = new Object();
  private final ExecutorService executor;
  private volatile Thread thread;
  private long running; // ticket of the code that runs now, 0 for none
  private long tickets;

  /**
   * What came of a piece of code.
   *
   * @param value what it returned
   * @param thrown what it threw, or null
   */
  record Outcome(Object value, Throwable thrown) {}

  CellThread() {
    executor =
        Executors.newSingleThreadExecutor(
            task -> {
              thread = new Thread(task, "cell");
              thread.setDaemon(true);
              return thread;
            });
  }

  /** Runs {@code code} to its end on the cell thread; called from that thread, runs it at once. */
  Outcome call(Callable<?> code) {
    if (Thread.currentThread() == thread) {
      return outcomeOf(code);
    }
    Future<Outcome> future = executor.submit(() -> ticketed(code));
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return future.get();
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          return new Outcome(null, e.getCause()); // stopped between the code and its end
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private Outcome ticketed(Callable<?> code) {
    synchronized (lock) {
      running = ++tickets;
      Thread.interrupted(); // an old interrupt does not concern this code
    }
    try {
      return outcomeOf(code);
    } finally {
      synchronized (lock) {
        running = 0;
        Thread.interrupted();
      }
    }
  }

  private static Outcome outcomeOf(Callable<?> code) {
    try {
      return new Outcome(code.call(), null);
    } catch (Throwable e) { // an Error of the user's code must not end the kernel
      return new Outcome(null, e);
    }
  }

  /** Interrupts the running code; returns its ticket, or 0 if none runs. */
  long interrupt() {
    synchronized (lock) {
      if (running != 0) {
        thread.interrupt();
      }
      return running;
    }
  }

  boolean isRunning(long ticket) {
    synchronized (lock) {
      return ticket != 0 && running == ticket;
    }
  }

  /** Throws ThreadDeath in the running code, where the JDK can: up to 19. */
  @SuppressWarnings({"deprecation", "removal"}) // the last resort against a loop without end
  void stop(long ticket) {
    synchronized (lock) {
      if (running == ticket) {
        thread.stop();
      }
    }
  }

  /** The frames of the running code, innermost first. */
  StackTraceElement[] frames() {
    return thread.getStackTrace();
  }
}
