package dev.smalldoge.notebook.kernel;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import dev.smalldoge.io.WrittenAside;
import dev.smalldoge.train.TrainingLoop;
import java.time.Duration;
import java.util.Arrays;
import java.util.Set;
import java.util.Timer;
import java.util.TimerTask;
import java.util.function.Supplier;
import jdk.jshell.spi.ExecutionControl.ExecutionControlException;

/**
 * Ends the running cell from outside: an interrupt first, which cooperative code obeys within a
 * step, and force two seconds later, for a loop that does not.
 *
 * <p>A training that is in a step, and a file that is being written, come to their end first: force
 * would lose what they are about to save. A second interrupt forces them too.
 */
final class Interrupter {
  private static final Duration GRACE = Duration.ofSeconds(2);

  /** Code that ends by itself after an interrupt, at a moment when nothing is lost. */
  private static final Set<String> ENDS_ITSELF =
      Set.of(TrainingLoop.class.getName(), WrittenAside.class.getName());

  private final CellThread cellThread;
  private final CellExecutionControl control;
  private final Timer timer = new Timer("interrupter", true);
  private volatile boolean interrupted;
  private volatile boolean timedOut;

  Interrupter(CellThread cellThread, CellExecutionControl control) {
    this.cellThread = cellThread;
    this.control = control;
    control.refuseWhile(this::interrupted);
  }

  /** Forgets the interrupts of the cell before. */
  void beginCell() {
    interrupted = false;
    timedOut = false;
  }

  boolean interrupted() {
    return interrupted;
  }

  boolean timedOut() {
    return timedOut;
  }

  void interrupt() {
    boolean forces = interrupted || timedOut;
    interrupted = true;
    long ticket = cellThread.interrupt();
    if (ticket != 0) {
      after(GRACE, () -> stop(ticket, forces));
    }
  }

  /** Runs {@code statement}, and interrupts it after {@code limit} unless that is zero. */
  <T> T within(Duration limit, Supplier<T> statement) {
    if (limit.isZero()) {
      return statement.get();
    }
    TimerTask alarm =
        after(
            limit,
            () -> {
              timedOut = true;
              interrupt();
            });
    try {
      return statement.get();
    } finally {
      alarm.cancel();
    }
  }

  private void stop(long ticket, boolean forces) {
    if (!cellThread.isRunning(ticket)) {
      return;
    }
    if (!forces && endsItself(cellThread.frames())) {
      System.err.println(
          "The run ends after the step that it is in, and saves. Interrupt again to end it at once"
              + " and lose what is not saved.");
      return;
    }
    try {
      control.stop();
      cellThread.stop(ticket);
    } catch (UnsupportedOperationException e) {
      // JDK 20 and later; from 22 on control.stop() has done it, if the loop is the cell's own
    } catch (ExecutionControlException e) {
      Main.log("cannot stop the cell: " + e);
    }
    after(GRACE, () -> tellThatItRuns(ticket));
  }

  private static boolean endsItself(StackTraceElement[] frames) {
    return Arrays.stream(frames).anyMatch(frame -> ENDS_ITSELF.contains(frame.getClassName()));
  }

  private void tellThatItRuns(long ticket) {
    if (cellThread.isRunning(ticket)) {
      StackTraceElement[] frames = cellThread.frames();
      System.err.println(
          "The cell does not react to the interrupt"
              + (frames.length > 0 ? "; it is in " + frames[0] : "")
              + ". Wait for it, or restart the kernel.");
    }
  }

  @CanIgnoreReturnValue
  private TimerTask after(Duration delay, Runnable action) {
    TimerTask task =
        new TimerTask() {
          @Override
          public void run() {
            action.run();
          }
        };
    timer.schedule(task, delay.toMillis());
    return task;
  }
}
