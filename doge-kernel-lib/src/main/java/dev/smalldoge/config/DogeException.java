package dev.smalldoge.config;

/**
 * A mistake that the user can mend, told in one sentence: what was given, why it cannot work, what
 * to type instead.
 *
 * <p>The command line prints the message alone and exits with 1; a notebook cell shows it without a
 * stack trace. Everything else that is thrown is a defect of this library and keeps its trace.
 */
public final class DogeException extends RuntimeException {
  /** Tells {@code message}, a full sentence for the user. */
  public DogeException(String message) {
    super(message);
  }

  /** Tells {@code message}, and keeps {@code cause} for whoever wants the trace. */
  public DogeException(String message, Throwable cause) {
    super(message, cause);
  }
}
