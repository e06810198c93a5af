package dev.smalldoge.data.hub;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import dev.smalldoge.config.DogeException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Downloads from a server that stops sending without ending the connection. */
@Timeout(60)
class StalledDownloadTest {
  private static final int PIECE = 1_000;
  private static final int PIECES = 20;

  /** Longer than a busy machine takes to answer, and short enough to wait for it once. */
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private static final String FILE = "data/train-00000-of-00001.jsonl";
  private final CountDownLatch released = new CountDownLatch(1);
  private final CountDownLatch stalling = new CountDownLatch(1);
  @TempDir Path folder;
  private TestHub hub;
  private byte[] content;

  @BeforeEach
  void starts() throws IOException {
    hub = new TestHub();
    content = new byte[PIECES * PIECE - 7];
    new Random(1).nextBytes(content); // whose hash tells whether every byte is in its place
    hub.put(FILE, content);
  }

  @AfterEach
  void stops() {
    released.countDown();
    hub.close();
  }

  private Path file() {
    return folder.resolve("org/set").resolve(FILE);
  }

  private Download download(Duration patience) {
    HubClient client = new HubClient(hub.uri(), Optional.empty(), Duration.ofMillis(1), patience);
    return new Download(HubSource.of("org/set"), client, PIECE);
  }

  /** Sends so many bytes of what was asked for, and then nothing, for a minute. */
  private boolean stall(HttpExchange exchange, int sent) throws IOException {
    String range = exchange.getRequestHeaders().getFirst("Range");
    int from = Integer.parseInt(range.replaceAll("bytes=(\\d+)-.*", "$1"));
    int to = Integer.parseInt(range.replaceAll(".*-(\\d+)", "$1"));
    exchange
        .getResponseHeaders()
        .add("Content-Range", "bytes " + from + "-" + to + "/" + content.length);
    exchange.sendResponseHeaders(206, to - from + 1L);
    OutputStream out = exchange.getResponseBody();
    out.write(content, from, Math.min(sent, to - from + 1));
    out.flush();
    stalling.countDown();
    try {
      released.await(60, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return true;
  }

  @Test
  void aConnectionThatSendsNothingIsCutAndGoesOn() {
    hub.fail(3, exchange -> stall(exchange, 123));
    download(PATIENCE).under(folder);
    assertThat(file()).hasBinaryContent(content);
    assertThat(hub.differentRanges())
        .as("the second attempts of whichever three came first go on after the bytes that came")
        .filteredOn(range -> range.matches("bytes=\\d*123-\\d*"))
        .hasSize(3);
  }

  @Test
  void aServerThatDoesNotAnswerIsAskedAgain() {
    hub.fail(
        2,
        exchange -> {
          try {
            return released.await(60, TimeUnit.SECONDS);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return true;
          }
        });
    download(PATIENCE).under(folder);
    assertThat(file()).hasBinaryContent(content);
  }

  @Test
  void anInterruptEndsItWithinASecondAndItGoesOn() throws Exception {
    hub.fail(
        Integer.MAX_VALUE,
        exchange -> hub.differentRanges().size() > PIECES / 2 && stall(exchange, 123));
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    AtomicReference<Boolean> interrupted = new AtomicReference<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                download(Duration.ofMinutes(1)).under(folder);
              } catch (DogeException e) {
                thrown.set(e);
                interrupted.set(Thread.currentThread().isInterrupted());
              }
            });
    thread.start();
    assertThat(stalling.await(20, TimeUnit.SECONDS)).isTrue();
    Thread.sleep(200); // the pieces before it are read
    long start = System.nanoTime();
    thread.interrupt();
    thread.join(10_000);
    assertThat(System.nanoTime() - start).isLessThan(1_000_000_000L);
    assertThat(thrown.get()).hasMessageContaining("interrupted; what came is kept");
    assertThat(interrupted.get()).isTrue();
    int kept = Files.readAllLines(Path.of(file() + ".part.pieces")).size() - 1;
    assertThat(kept).isPositive();
    assertThat(Path.of(file() + ".part")).exists();
    assertThat(file()).doesNotExist();

    released.countDown();
    hub.fail(0, exchange -> false);
    hub.ranges.clear();
    download(Duration.ofMinutes(1)).under(folder);
    assertThat(file()).hasBinaryContent(content);
    assertThat(hub.differentRanges()) // of the first one too, where they came late
        .hasSize((content.length + PIECE - 1) / PIECE - kept);
  }

  @Test
  void anInterruptEndsAListThatIsNeverFinished() throws Exception {
    hub.stallLists(released);
    Thread thread =
        new Thread(
            () -> {
              try {
                download(Duration.ofSeconds(2)).under(folder);
              } catch (DogeException e) {
                stalling.countDown();
              }
            });
    thread.start();
    Thread.sleep(500);
    thread.interrupt();
    assertThat(stalling.await(1, TimeUnit.SECONDS)).isTrue();
  }
}
