package dev.smalldoge;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;

/**
 * What code printed while it ran, which a test checks instead of printing it.
 *
 * @param out its lines on standard output
 * @param err its lines on standard error
 */
public record Printed(String out, String err) {
  /** Code that prints. */
  @FunctionalInterface
  public interface Work<E extends Exception> {
    /** Does it. */
    void run() throws E;
  }

  /** Runs {@code work} and catches what it prints. */
  public static <E extends Exception> Printed by(Work<E> work) throws E {
    PrintStream outBefore = System.out;
    PrintStream errBefore = System.err;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    System.setOut(new PrintStream(out, true, UTF_8));
    System.setErr(new PrintStream(err, true, UTF_8));
    try {
      work.run();
    } finally {
      System.setOut(outBefore);
      System.setErr(errBefore);
    }
    return new Printed(out.toString(UTF_8), err.toString(UTF_8));
  }
}
