package dev.smalldoge.notebook.display;

import java.io.PrintStream;
import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * The progress of a training run as text: one line that rewrites itself on a terminal, a line every
 * ten seconds elsewhere, so that a log file stays readable.
 */
final class TextProgress implements AutoCloseable {
  private static final Duration ON_TERMINAL = Duration.ofSeconds(1);
  private static final Duration IN_LOG = Duration.ofSeconds(10);

  private final PrintStream out;
  private final boolean isTerminal;
  private final LongSupplier nanoTime;
  private long nextNanos;
  private boolean started;
  private TrainingMoment unshown;
  private int width;

  /** A line on System.out. */
  TextProgress() {
    this(System.out, isTerminal(), System::nanoTime);
  }

  TextProgress(PrintStream out, boolean isTerminal, LongSupplier nanoTime) {
    this.out = out;
    this.isTerminal = isTerminal;
    this.nanoTime = nanoTime;
  }

  /** Takes the moment, and shows it if the line is due. */
  void add(TrainingMoment moment) {
    long now = nanoTime.getAsLong();
    if (started && now - nextNanos < 0) {
      unshown = moment;
      return;
    }
    started = true;
    nextNanos = now + (isTerminal ? ON_TERMINAL : IN_LOG).toNanos();
    print(moment);
  }

  private void print(TrainingMoment moment) {
    unshown = null;
    String line = moment.line();
    if (isTerminal) {
      out.print("\r" + line + " ".repeat(Math.max(0, width - line.length())));
      out.flush();
    } else {
      out.println(line);
    }
    width = line.length();
  }

  /** Shows the last moment and ends the line. */
  @Override
  public void close() {
    if (unshown != null) {
      print(unshown);
    }
    if (isTerminal && started) {
      out.println();
    }
  }

  /**
   * Whether a carriage return would rewrite a line; from JDK 22 on a console may be no terminal.
   */
  @SuppressWarnings("SystemConsoleNull") // what null no longer tells is asked below
  static boolean isTerminal() {
    java.io.Console console = System.console();
    if (console == null) {
      return false;
    }
    try {
      return (boolean) java.io.Console.class.getMethod("isTerminal").invoke(console);
    } catch (NoSuchMethodException e) {
      return true; // before JDK 22 there is a console on a terminal alone
    } catch (ReflectiveOperationException e) {
      return false;
    }
  }
}
