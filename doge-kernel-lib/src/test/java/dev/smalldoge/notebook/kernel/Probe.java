package dev.smalldoge.notebook.kernel;

/** A value of this library that a cell can hold, and that tells whether it was closed. */
public final class Probe implements AutoCloseable {
  /** Whether it was closed. */
  public volatile boolean closed;

  @Override
  public void close() {
    closed = true;
  }
}
