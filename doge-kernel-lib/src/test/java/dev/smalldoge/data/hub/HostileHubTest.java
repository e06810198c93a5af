package dev.smalldoge.data.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.data.Corpus;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** A hub whose files change, and answers that other servers give; a disk that is full. */
@Timeout(60)
class HostileHubTest {
  private static final int PIECE = 1_000;
  private static final String FILE = "data/train-00000-of-00001.jsonl";
  @TempDir Path folder;
  private TestHub hub;
  private byte[] content;

  @BeforeEach
  void starts() throws IOException {
    hub = new TestHub();
    content = bytes(1);
    hub.put(FILE, content);
  }

  @AfterEach
  void stops() {
    hub.close();
  }

  private static byte[] bytes(int seed) {
    byte[] bytes = new byte[3 * PIECE];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  private Path file() {
    return folder.resolve("org/set").resolve(FILE);
  }

  private void download() {
    HubClient client =
        new HubClient(hub.uri(), Optional.empty(), Duration.ofMillis(1), Duration.ofSeconds(20));
    new Download(HubSource.of("org/set"), client, PIECE).under(folder);
  }

  @Test
  void anotherVersionOfTheSameSizeIsFetched() {
    download();
    hub.ranges.clear();
    download();
    assertThat(hub.differentRanges()).as("what is there is kept").isEmpty();
    byte[] other = bytes(2);
    hub.put(FILE, other);
    download();
    assertThat(file()).hasBinaryContent(other);
  }

  @Test
  void aFileThatWasDamagedOnThisDiskIsFetchedAgain() throws IOException {
    download();
    byte[] damaged = content.clone();
    damaged[1_234] ^= 1;
    Files.write(file(), damaged);
    download();
    assertThat(file()).hasBinaryContent(content);
  }

  @Test
  void aFileIsHashedOnceUnlessItIsWrittenTo() throws IOException {
    download();
    byte[] other = bytes(2);
    FileTime time = Files.getLastModifiedTime(file());
    Files.write(file(), other);
    Files.setLastModifiedTime(file(), time);
    download();
    assertThat(file()).as("as if never written to").hasBinaryContent(other);

    Files.setLastModifiedTime(file(), FileTime.from(time.toInstant().plusSeconds(1)));
    download();
    assertThat(file()).hasBinaryContent(content);
    assertThat(Corpus.folder(file().getParent()).files()).containsExactly(file());
  }

  @Test
  @EnabledOnOs(OS.LINUX) // /dev/full is the full disk
  void aFullDiskIsToldAtOnce() throws IOException {
    Files.createDirectories(file().getParent());
    Files.createSymbolicLink(Path.of(file() + ".part"), Path.of("/dev/full"));
    assertThatThrownBy(this::download)
        .isInstanceOf(DogeException.class)
        .hasMessageContaining(
            FILE + ".part cannot be written (No space left on device); what came");
    assertThat(hub.ranges).as("no piece is asked for again").hasSizeLessThanOrEqualTo(3);
  }

  @Test
  void aRangeOfUnknownTotalIsTaken() {
    hub.fail(
        Integer.MAX_VALUE,
        exchange -> {
          String range = exchange.getRequestHeaders().getFirst("Range").replace('=', ' ');
          int from = Integer.parseInt(range.replaceAll("bytes (\\d+)-.*", "$1"));
          exchange.getResponseHeaders().add("Content-Range", range + "/*");
          exchange.sendResponseHeaders(206, PIECE);
          exchange.getResponseBody().write(content, from, PIECE);
          return true;
        });
    download();
    assertThat(file()).hasBinaryContent(content);
  }

  @Test
  void aFileThatBecameShorterIsTold() {
    hub.fail(Integer.MAX_VALUE, TestHub.status(416));
    assertThatThrownBy(this::download)
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("org/set " + FILE + " is shorter than the hub's list says");
  }

  @Test
  void redirectsThatLeadNowhereAreTold() {
    for (String location : new String[] {"file:///etc/passwd", "ht tp://x", "mailto:x"}) {
      hub.fail(Integer.MAX_VALUE, TestHub.status(302, "Location", location));
      assertThatThrownBy(this::download)
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("redirects to \"" + location + "\", no web address");
    }
  }

  @Test
  void theTokenGoesToNoOtherHostAndNotUnguarded() {
    HubClient client =
        new HubClient(
            URI.create("https://hub.example"), Optional.of("t"), Duration.ZERO, Duration.ZERO);
    assertThat(client.isOfHub(URI.create("https://hub.example/x"))).isTrue();
    for (String other : new String[] {"http://hub.example/x", "https://cdn.hub.example/x"}) {
      assertThat(client.isOfHub(URI.create(other))).as(other).isFalse();
    }
  }
}
