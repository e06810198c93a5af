package dev.smalldoge.data.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.jerolba.carpet.CarpetWriter;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.data.Corpus;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class DownloadTest {
  private static final int PIECE = 1_000;
  private static final String FIRST = "data/train-00000-of-00002.jsonl";
  @TempDir Path folder;
  private TestHub hub;
  private byte[] rows;

  @BeforeEach
  void starts() throws IOException {
    hub = new TestHub();
    rows = rows(400, 1);
    hub.put(FIRST, rows);
    hub.put("data/train-00001-of-00002.jsonl", rows(3, 2));
    hub.put("data/test-00000-of-00001.jsonl", rows(2, 3));
    hub.put("README.md", "not data".getBytes(StandardCharsets.UTF_8));
    hub.put("other/train.jsonl", rows(1, 4));
  }

  @AfterEach
  void stops() {
    hub.close();
  }

  private static byte[] rows(int count, int seed) {
    Random random = new Random(seed);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < count; i++) {
      text.append("{\"text\":\"").append(random.nextLong()).append("\"}\n");
    }
    return text.toString().getBytes(StandardCharsets.UTF_8);
  }

  private HubClient client(String token) {
    return new HubClient(
        hub.uri(), Optional.ofNullable(token), Duration.ofMillis(1), Duration.ofSeconds(20));
  }

  private Download download(String name) {
    return new Download(HubSource.of(name), client(null), PIECE);
  }

  private Path first() {
    return folder.resolve("org/set").resolve(FIRST);
  }

  @Test
  void fetchesTheTrainingFilesInPieces() throws IOException {
    List<DownloadProgress> told = new ArrayList<>();
    Corpus corpus = download("org/set").listener(told::add).under(folder);
    assertThat(corpus.texts()).hasSize(403);
    assertThat(first()).hasBinaryContent(rows);
    assertThat(Corpus.of("org/set").under(folder).size().rows()).isEqualTo(403);
    assertThat(hub.ranges.size()).isGreaterThan(rows.length / PIECE);
    DownloadProgress last = told.get(told.size() - 1);
    assertThat(last.bytes())
        .isEqualTo(last.totalBytes())
        .isEqualTo(rows.length + rows(3, 2).length);
    try (Stream<Path> files = Files.walk(folder)) {
      List<String> names =
          files.filter(Files::isRegularFile).map(f -> f.getFileName().toString()).toList();
      assertThat(names).filteredOn(name -> !name.endsWith(".hash")).hasSize(2);
      assertThat(names).filteredOn(name -> name.endsWith(".hash")).hasSize(2);
    }
  }

  @Test
  void takesOnlyWhatIsAskedFor() {
    assertThat(download("org/set").firstFiles(1).under(folder).texts()).hasSize(400);
    assertThat(download("org/set:other").under(folder).texts()).hasSize(1);
    assertThat(download("org/set").firstRows(10).under(folder.resolve("b")).texts()).hasSize(400);
    assertThat(download("org/set").firstRows(401).under(folder.resolve("b")).texts()).hasSize(403);
    assertThat(download("org/set").firstTokens(5).under(folder.resolve("c")).texts()).hasSize(400);
    assertThatThrownBy(() -> download("org/set:no").under(folder))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("no data files of subset \"no\"")
        .hasMessageContaining("other");
  }

  @Test
  void whatIsThereIsNotFetchedAgain() {
    download("org/set").under(folder);
    hub.ranges.clear();
    download("org/set").under(folder);
    assertThat(hub.differentRanges()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {408, 429, 500, 502, 503, 504})
  void passingFailuresAreTriedAgain(int status) {
    hub.fail(3, TestHub.status(status, "Retry-After", "0"));
    download("org/set").under(folder);
    assertThat(first()).hasBinaryContent(rows);
  }

  @ParameterizedTest
  @ValueSource(ints = {400, 401, 403, 404, 410, 410})
  void lastingFailuresAreToldAtOnce(int status) {
    hub.fail(Integer.MAX_VALUE, TestHub.status(status));
    assertThatThrownBy(() -> download("org/set").under(folder))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("org/set " + FIRST)
        .hasMessageContaining("status " + status)
        .hasMessageContaining(status == 401 || status == 403 ? "HF_TOKEN" : "check the name");
    assertThat(hub.differentRanges()).as("no second attempt").doesNotHaveDuplicates();
  }

  @Test
  void aHubThatIsDownIsGivenUpAfterSomeAttempts() {
    hub.fail(Integer.MAX_VALUE, TestHub.status(503));
    assertThatThrownBy(() -> download("org/set").under(folder))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("in 8 attempts (the last: status 503)");
    hub.close();
    assertThatThrownBy(() -> download("org/set").under(folder))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("in 8 attempts");
  }

  private static int from(HttpExchange exchange) {
    String range = exchange.getRequestHeaders().getFirst("Range");
    return Integer.parseInt(range.replaceAll("bytes=(\\d+)-.*", "$1"));
  }

  @Test
  void cutConnectionsGoOn() {
    AtomicInteger cut = new AtomicInteger();
    hub.fail(
        5,
        exchange -> {
          exchange
              .getResponseHeaders()
              .add(
                  "Content-Range",
                  exchange.getRequestHeaders().getFirst("Range").replace('=', ' ')
                      + "/"
                      + rows.length);
          exchange.sendResponseHeaders(206, 1_000);
          exchange.getResponseBody().write(rows, from(exchange), 10 + cut.incrementAndGet());
          return true; // closing now leaves the rest of the promised bytes out
        });
    download("org/set").under(folder);
    assertThat(first()).hasBinaryContent(rows);
    assertThat(cut.get()).isEqualTo(5);
    assertThat(hub.differentRanges())
        .as("what came is kept")
        .anyMatch(r -> r.matches("bytes=\\d*1[1-5]-.*"));
  }

  @Test
  void aServerWithoutRangesIsRead() {
    hub.fail(
        Integer.MAX_VALUE,
        exchange -> {
          if (!exchange.getRequestURI().getPath().endsWith(FIRST)) {
            return false;
          }
          exchange.sendResponseHeaders(200, rows.length);
          exchange.getResponseBody().write(rows);
          return true;
        });
    download("org/set").under(folder);
    assertThat(first()).hasBinaryContent(rows);
  }

  @Test
  void aLengthThatLiesIsRefused() {
    hub.fail(
        Integer.MAX_VALUE,
        exchange -> {
          exchange.getResponseHeaders().add("Content-Range", "bytes 0-999/12345678");
          exchange.sendResponseHeaders(206, 1_000);
          exchange.getResponseBody().write(new byte[1_000]);
          return true;
        });
    assertThatThrownBy(() -> download("org/set").under(folder))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("\"bytes 0-999/12345678\" instead of");
    assertThat(first()).doesNotExist();
  }

  @Test
  void wrongBytesAreFetchedAgainAndThenRefused() throws IOException {
    hub.fail(
        1,
        exchange -> {
          TestHub.send(exchange, new byte[rows.length]);
          return true;
        });
    download("org/set").under(folder);
    assertThat(first()).hasBinaryContent(rows);
    Files.delete(first());
    hub.fail(
        Integer.MAX_VALUE,
        exchange -> {
          TestHub.send(exchange, new byte[rows.length]);
          return true;
        });
    assertThatThrownBy(() -> download("org/set").under(folder))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("came with hash");
    try (Stream<Path> files = Files.list(first().getParent())) {
      assertThat(files.map(f -> f.getFileName().toString()).filter(f -> f.contains("00000")))
          .isEmpty();
    }
  }

  private static void pause(int millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void aCutDownloadGoesOnWhereItWas() throws IOException {
    AtomicInteger answered = new AtomicInteger();
    hub.fail(
        Integer.MAX_VALUE,
        exchange -> {
          if (answered.incrementAndGet() <= 4) {
            return false;
          }
          pause(500); // until the answered pieces are noted
          exchange.sendResponseHeaders(403, -1);
          return true;
        });
    assertThatThrownBy(() -> download("org/set").under(folder)).isInstanceOf(DogeException.class);
    int noted = Files.readAllLines(Path.of(first() + ".part.pieces")).size() - 1;
    assertThat(noted).isBetween(1, 4);
    hub.fail(0, exchange -> false);
    hub.ranges.clear();
    download("org/set").firstFiles(1).under(folder);
    assertThat(first()).hasBinaryContent(rows);
    assertThat(hub.differentRanges()) // of the first one too, where they came late
        .hasSize((rows.length + PIECE - 1) / PIECE - noted);
  }

  @Test
  void aPartOfAnotherVersionIsNotUsed() throws IOException {
    Files.createDirectories(first().getParent());
    Files.write(Path.of(first() + ".part"), new byte[rows.length]);
    Files.writeString(Path.of(first() + ".part.pieces"), "otherhash 5 1000\n0\n1\n");
    download("org/set").under(folder);
    assertThat(first()).hasBinaryContent(rows);
  }

  @Test
  void theTokenGoesToTheHubAlone() throws IOException {
    List<String> seenElsewhere = new ArrayList<>();
    HttpServer other =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    other.createContext(
        "/",
        exchange -> {
          try (exchange) {
            seenElsewhere.add(
                String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
            TestHub.send(exchange, rows);
          }
        });
    other.start();
    hub.fail(
        Integer.MAX_VALUE,
        TestHub.status(302, "Location", "http://127.0.0.1:" + other.getAddress().getPort() + "/x"));
    try {
      new Download(HubSource.of("org/set"), client("secret"), PIECE).firstFiles(1).under(folder);
    } finally {
      other.stop(0);
    }
    assertThat(first()).hasBinaryContent(rows);
    assertThat(hub.tokensSeen).containsOnly("Bearer secret");
    assertThat(seenElsewhere).isNotEmpty().containsOnly("null");
  }

  @Test
  void aDiskWithoutRoomIsToldBeforeAnythingIsFetched() {
    hub.claim(1L << 60);
    assertThatThrownBy(() -> download("org/set").under(folder))
        .isInstanceOf(DogeException.class)
        .hasMessageMatching("org/set needs 1,15.* bytes more, but the disk has .* left; .*");
    assertThat(hub.differentRanges()).isEmpty();
  }

  @Test
  void endlessRedirectsAreRefused() {
    hub.fail(
        Integer.MAX_VALUE,
        TestHub.status(302, "Location", "/datasets/org/set/resolve/main/" + FIRST));
    assertThatThrownBy(() -> download("org/set").under(folder))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("redirects without end");
  }

  @Test
  void pathsThatLeaveTheFolderAreRefused() {
    hub.put("data/../../../x.jsonl", rows(1, 1));
    assertThatThrownBy(() -> download("org/set").under(folder))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("would leave its folder");
  }

  @Test
  void namesThatAreNoDataSetsAreRefused() {
    assertThatThrownBy(() -> HubSource.of("fineweb"))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("fineweb-edu");
    assertThat(HubSource.of("fineweb-edu").subset()).isEqualTo("fineweb-edu-dedup");
    assertThatThrownBy(() -> download("org/none").under(folder))
        .hasMessageContaining("org/none does not exist (status 404)");
  }

  record Ids(String blob_id) {}

  private static byte[] gzip(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (OutputStream zipped = new GZIPOutputStream(out)) {
      zipped.write(bytes);
    }
    return out.toByteArray();
  }

  @Test
  void textsAreFetchedByTheirIds() throws Exception {
    Path ids = folder.resolve("train-00000.parquet");
    try (CarpetWriter<Ids> writer = new CarpetWriter<>(Files.newOutputStream(ids), Ids.class)) {
      for (int i = 0; i < 1_205; i++) {
        writer.write(new Ids("b" + i));
        byte[] text = ("print(" + i + ") # ü").getBytes(StandardCharsets.UTF_8);
        if (i == 7) {
          text = new byte[] {'#', (byte) 0xFF};
        }
        if (i != 5) {
          hub.putBlob("b" + i, gzip(text));
        }
      }
    }
    BlobFetch fetch =
        new BlobFetch(client("secret"), hub.uri().resolve("/content/"), folder.resolve("py"));
    assertThat(fetch.run(ids, 1_100)).isEqualTo(1_100);
    assertThat(fetch.missing()).isEqualTo(2);
    List<String> texts = new ArrayList<>();
    Corpus.folder(folder.resolve("py")).texts().forEach(texts::add);
    assertThat(texts).hasSize(1_098).startsWith("print(0) # ü").contains("print(1099) # ü");
    BlobFetch again =
        new BlobFetch(client(null), hub.uri().resolve("/nowhere/"), folder.resolve("py"));
    assertThat(again.run(ids, 1_100)).as("what is there is kept").isEqualTo(1_100);
    assertThat(again.missing()).isZero();
  }
}
