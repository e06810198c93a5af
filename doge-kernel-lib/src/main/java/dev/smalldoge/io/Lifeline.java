package dev.smalldoge.io;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.function.Consumer;

/**
 * A connection that tells whether the process at its other end still lives: nothing passes but a
 * beat every few seconds, a farewell, or the news of another's death.
 *
 * <p>A process that dies closes it, which is noticed at once; a host that vanishes falls silent,
 * which is noticed after a minute.
 */
final class Lifeline implements AutoCloseable {
  private static final int BEAT_MILLIS = 3_000;
  private static final int SILENT_BEATS = 20;
  private static final int BEAT = 1;
  private static final int FAREWELL = 2;
  private static final int NEWS = 3;

  private final Socket socket;
  private final DataInputStream in;
  private final DataOutputStream out;
  private final String name;
  private final Consumer<String> lost;

  /**
   * Watches a connection from now on.
   *
   * @param name of the other end, such as {@code "rank 1"}
   * @param lost hears one sentence when the other end is gone without a farewell
   */
  Lifeline(Socket socket, String name, Consumer<String> lost) throws IOException {
    this.socket = socket;
    this.name = name;
    this.lost = lost;
    socket.setSoTimeout(BEAT_MILLIS);
    in = new DataInputStream(socket.getInputStream());
    out = new DataOutputStream(socket.getOutputStream());
    Thread watcher = new Thread(this::watch, "lifeline of " + name);
    watcher.setDaemon(true);
    watcher.start();
  }

  private void watch() {
    try {
      int silent = 0;
      while (true) {
        try {
          int said = in.readByte();
          silent = 0;
          if (said == FAREWELL) {
            return;
          }
          if (said == NEWS) {
            lost.accept(in.readUTF());
            return;
          }
        } catch (SocketTimeoutException quiet) {
          send(BEAT);
          silent++;
          if (silent == SILENT_BEATS) {
            lost.accept(name + " has been silent for " + BEAT_MILLIS * SILENT_BEATS / 1000 + " s");
            return;
          }
        }
      }
    } catch (IOException gone) {
      lost.accept(name + " ended before the run did");
    }
  }

  private synchronized void send(int what) throws IOException {
    out.writeByte(what);
  }

  /** Tells the other end that this one ends as it should. */
  void farewell() {
    try {
      send(FAREWELL);
    } catch (IOException gone) {
      // the other end has ended already, and its watcher with it
    }
  }

  /** Tells the other end who was lost. */
  void news(String sentence) {
    try {
      synchronized (this) {
        out.writeByte(NEWS);
        out.writeUTF(sentence);
      }
    } catch (IOException gone) {
      // it is gone as well, and knows
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
