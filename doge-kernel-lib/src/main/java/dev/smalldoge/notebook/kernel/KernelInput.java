package dev.smalldoge.notebook.kernel;

import io.github.spencerpark.jupyter.channels.ShellReplyEnvironment;
import io.github.spencerpark.jupyter.channels.StdinChannel;
import io.github.spencerpark.jupyter.messages.Message;
import io.github.spencerpark.jupyter.messages.reply.InputReply;
import io.github.spencerpark.jupyter.messages.request.InputRequest;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.zeromq.ZMQ;

/**
 * System.in of a cell: asks the notebook for a line when a line is wanted.
 *
 * <p>The socket is read by a thread of its own, so that an interrupt ends the cell's wait and
 * leaves the socket whole.
 */
final class KernelInput extends InputStream {
  private static final int POLL_MILLIS = 20;

  private final StdinChannel channel;
  private final Outbox outbox;
  private final ExecutorService reader =
      Executors.newSingleThreadExecutor(
          task -> {
            Thread thread = new Thread(task, "stdin");
            thread.setDaemon(true);
            return thread;
          });
  private volatile boolean enabled;
  private byte[] line = {};
  private int position;

  KernelInput(StdinChannel channel, Outbox outbox) {
    this.channel = channel;
    this.outbox = outbox;
  }

  /** Whether the notebook that sent the cell can be asked; otherwise the input is at its end. */
  void enable(boolean canAsk) {
    enabled = canAsk;
  }

  @Override
  public synchronized int read() {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public synchronized int read(byte[] into, int offset, int length) {
    if (length == 0) {
      return 0;
    }
    if (position == line.length) {
      if (!enabled) {
        return -1;
      }
      line = (ask() + "\n").getBytes(StandardCharsets.UTF_8);
      position = 0;
    }
    int count = Math.min(length, line.length - position);
    System.arraycopy(line, position, into, offset, count);
    position += count;
    return count;
  }

  @Override
  public synchronized int available() {
    return line.length - position;
  }

  private String ask() {
    outbox.flush(); // a prompt that was printed belongs before the input box
    ShellReplyEnvironment cell = outbox.current();
    CompletableFuture<String> answer = new CompletableFuture<>();
    reader.execute(() -> exchange(cell, answer));
    try {
      return answer.get();
    } catch (InterruptedException e) {
      answer.cancel(false);
      // not an IOException: Scanner swallows those and reports the end of the input
      throw new CancellationException("interrupted while waiting for input");
    } catch (ExecutionException e) {
      throw new IllegalStateException("the notebook's answer cannot be read", e.getCause());
    }
  }

  private void exchange(ShellReplyEnvironment cell, CompletableFuture<String> answer) {
    try {
      while (isReadable()) {
        channel.readMessage(); // the answer to a question that was given up
      }
      channel.sendMessage(
          new Message<>(cell.getContext(), InputRequest.MESSAGE_TYPE, new InputRequest("", false)));
      while (!isReadable()) {
        if (answer.isDone()) {
          return;
        }
        Thread.sleep(POLL_MILLIS);
      }
      answer.complete(((InputReply) channel.readMessage().getContent()).getValue());
    } catch (InterruptedException | RuntimeException e) {
      answer.completeExceptionally(e);
    }
  }

  private boolean isReadable() {
    return (channel.getEvents() & ZMQ.Poller.POLLIN) != 0;
  }
}
