package dev.smalldoge.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * While it is open, Ctrl-C (or SIGTERM) interrupts the thread that opened it, and the process ends
 * once that thread has saved its work and closed this; after a minute at the latest.
 */
final class StopOnSignal implements AutoCloseable {
  private static final int SECONDS = 60;

  private final Thread worker = Thread.currentThread();
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread hook = new Thread(this::stop, "stop on signal");

  /** Listens from now on. */
  StopOnSignal() {
    Runtime.getRuntime().addShutdownHook(hook);
  }

  private void stop() {
    worker.interrupt();
    try {
      if (!closed.await(SECONDS, TimeUnit.SECONDS)) {
        System.err.println("The work did not end within " + SECONDS + " s and is cut off");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    closed.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException endingAlready) {
      // then the hook has what it waits for
    }
  }
}
