package dev.smalldoge.generate;

/**
 * A handle that ends a generation from another thread; what was written so far is its result.
 *
 * <p>Example: {@code var stop = new Cancellation(); model.generator().cancelledBy(stop).run("The")}
 * in one thread, {@code stop.cancel()} in another.
 */
public final class Cancellation {
  private volatile boolean cancelled;

  /** Ends the generation within a few tokens. */
  public void cancel() {
    cancelled = true;
  }

  /** Whether {@link #cancel} was called. */
  public boolean isCancelled() {
    return cancelled;
  }
}
