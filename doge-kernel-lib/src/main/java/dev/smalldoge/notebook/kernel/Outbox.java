package dev.smalldoge.notebook.kernel;

import io.github.spencerpark.jupyter.channels.ShellReplyEnvironment;
import io.github.spencerpark.jupyter.messages.ContentType;
import io.github.spencerpark.jupyter.messages.publish.PublishStream;
import io.github.spencerpark.jupyter.messages.publish.PublishStream.StreamType;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.zeromq.ZMQException;

/**
 * Sends what cells print and show, in order, from a thread of its own.
 *
 * <p>A socket must not be used by a thread that can be interrupted: an interrupt in the middle of a
 * send closes its channel for good. So a cell only queues here, without waiting for the network;
 * text that queues up meanwhile goes out as one message.
 */
final class Outbox implements Runnable {
  private static final int MAX_QUEUED_CHARS = 8 << 20;
  private static final int MAX_CELL_CHARS = 4 << 20; // a browser and a notebook's file hold no more

  private static final String FULL =
      "\nThis cell printed four million characters; what it prints from here on is not shown."
          + " Write so much to a file.\n";

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Deque<Item> queue = new ArrayDeque<>();
  private volatile ShellReplyEnvironment current;
  private int queuedChars;
  private long cellChars; // printed by the cell of current
  private boolean sending;

  /** One message to send: a stream's text, or any other content. */
  private record Item(
      ShellReplyEnvironment to, StreamType stream, StringBuilder text, ContentType<?> content) {}

  void start() {
    Thread thread = new Thread(this, "outbox");
    thread.setDaemon(true);
    thread.start();
  }

  /** From now on everything belongs to the cell of {@code environment}, also between cells. */
  void attach(ShellReplyEnvironment environment) {
    lock.lock();
    try {
      current = environment;
      cellChars = 0;
    } finally {
      lock.unlock();
    }
  }

  /** The cell that everything belongs to now. */
  ShellReplyEnvironment current() {
    return current;
  }

  /** Queues text; waits only while megabytes are still unsent. */
  void print(StreamType stream, String text) {
    ShellReplyEnvironment to = current;
    if (to == null || text.isEmpty()) {
      return;
    }
    lock.lock();
    try {
      while (queuedChars > MAX_QUEUED_CHARS) {
        changed.awaitUninterruptibly();
      }
      boolean wasFull = cellChars > MAX_CELL_CHARS;
      cellChars += text.length();
      if (wasFull) {
        return;
      }
      Item last = queue.peekLast();
      if (last != null && last.stream == stream && last.to == to) {
        last.text.append(text);
      } else {
        queue.add(new Item(to, stream, new StringBuilder(text), null));
      }
      queuedChars += text.length();
      if (cellChars > MAX_CELL_CHARS) {
        queue.add(new Item(to, StreamType.ERR, new StringBuilder(FULL), null));
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Queues any other message for the current cell. */
  void publish(ContentType<?> content) {
    ShellReplyEnvironment to = current;
    if (to == null) {
      return;
    }
    lock.lock();
    try {
      queue.add(new Item(to, null, null, content));
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Waits until everything queued so far is sent. */
  void flush() {
    lock.lock();
    try {
      while (!queue.isEmpty() || sending) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void run() {
    while (true) {
      try {
        send(next());
      } catch (Throwable e) { // out of memory for one large message must not silence the kernel
        if (!(e instanceof ZMQException)) { // the connection is closed: the kernel ends
          Main.log("cannot send a message: " + e);
        }
      }
    }
  }

  private Item next() {
    lock.lock();
    try {
      sending = false;
      changed.signalAll();
      while (queue.isEmpty()) {
        changed.awaitUninterruptibly();
      }
      Item item = queue.remove();
      sending = true;
      if (item.text != null) {
        queuedChars -= item.text.length();
      }
      return item;
    } finally {
      lock.unlock();
    }
  }

  @SuppressWarnings({"unchecked", "rawtypes"}) // ContentType is generic in itself
  private static void send(Item item) {
    ContentType content =
        item.stream != null ? new PublishStream(item.stream, item.text.toString()) : item.content;
    item.to.publish(content);
  }
}
