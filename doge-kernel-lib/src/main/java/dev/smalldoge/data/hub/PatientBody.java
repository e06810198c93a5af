package dev.smalldoge.data.hub;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * An answer's body as a stream that fails where no byte comes for some time or its reader is
 * interrupted. The stream of Java's own client waits for ever on a connection that neither sends
 * nor ends, and in Java 17 swallows interrupts.
 */
final class PatientBody extends InputStream implements HttpResponse.BodySubscriber<InputStream> {
  private static final List<ByteBuffer> END = List.of();

  private final Duration patience;
  private final LinkedBlockingQueue<List<ByteBuffer>> came = new LinkedBlockingQueue<>();
  private volatile Flow.Subscription subscription;
  private volatile Throwable failure;
  private List<ByteBuffer> current = List.of(ByteBuffer.allocate(0));
  private int index; // of the buffer that is read

  PatientBody(Duration patience) {
    this.patience = patience;
  }

  @Override
  public CompletionStage<InputStream> getBody() {
    return CompletableFuture.completedFuture(this);
  }

  @Override
  public void onSubscribe(Flow.Subscription newSubscription) {
    subscription = newSubscription;
    newSubscription.request(1);
  }

  @Override
  public void onNext(List<ByteBuffer> buffers) {
    came.add(buffers);
  }

  @Override
  public void onError(Throwable newFailure) {
    failure = newFailure;
    came.add(END);
  }

  @Override
  public void onComplete() {
    came.add(END);
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] bytes, int from, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    while (current != END) {
      if (index == current.size()) {
        current = next();
        index = 0;
      } else if (current.get(index).hasRemaining()) {
        int count = Math.min(length, current.get(index).remaining());
        current.get(index).get(bytes, from, count);
        return count;
      } else {
        index++;
      }
    }
    if (failure != null) {
      throw new IOException(failure.getMessage(), failure);
    }
    return -1;
  }

  /** Waits for the next buffers, and asks for those after them. */
  private List<ByteBuffer> next() throws IOException {
    try {
      List<ByteBuffer> next = came.poll(patience.toMillis(), TimeUnit.MILLISECONDS);
      if (next == null) {
        close();
        throw new IOException("no byte came for " + patience.toMillis() / 1e3 + " s");
      }
      if (next != END) {
        subscription.request(1);
      }
      return next;
    } catch (InterruptedException e) {
      close();
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }

  /** Ends the connection, unless everything has come. */
  @Override
  public void close() {
    if (subscription != null) {
      subscription.cancel();
    }
  }
}
