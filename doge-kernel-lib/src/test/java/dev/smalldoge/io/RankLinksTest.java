package dev.smalldoge.io;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.World;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Ranks in threads of this process, over real sockets. */
class RankLinksTest {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void endThreads() {
    threads.shutdownNow();
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  private static World world(int rank, int size, int port) {
    return new World(rank, rank, size, "127.0.0.1", port);
  }

  /** What every rank of a world finds, in their order. */
  private <T> List<T> onAll(int size, Function<RankLinks, T> work) throws Exception {
    int port = freePort();
    List<Callable<T>> ranks = new ArrayList<>();
    for (int rank = size - 1; rank >= 0; rank--) {
      World world = world(rank, size, port);
      ranks.add(
          0,
          () -> {
            try (RankLinks links = RankLinks.open(world, PATIENCE)) {
              T found = work.apply(links);
              links.farewell();
              return found;
            }
          });
    }
    List<T> found = new ArrayList<>();
    for (Future<T> future : threads.invokeAll(ranks)) {
      found.add(future.get());
    }
    return found;
  }

  @Test
  void numbersAreSummedOverThreeRanks() throws Exception {
    List<double[]> found =
        onAll(3, links -> links.sum(links.world().rank(), 10 * links.world().rank(), 1));
    assertThat(found).hasSize(3).allSatisfy(sums -> assertThat(sums).containsExactly(3, 30, 3));
  }

  @Test
  void arraysLongerThanAChunkAreSummedInTheOrderOfTheRanks() throws Exception {
    int count = 300_001; // more than one chunk, and no multiple of it
    List<ByteBuffer> found =
        onAll(
            3,
            links -> {
              ByteBuffer mine = ByteBuffer.allocateDirect(4 * count).order(ByteOrder.nativeOrder());
              for (int i = 0; i < count; i++) {
                mine.putFloat(4 * i, value(links.world().rank(), i));
              }
              links.sumFloats(mine);
              return mine;
            });
    for (int i = 0; i < count; i++) {
      float sum = value(0, i) + value(1, i) + value(2, i);
      for (ByteBuffer rank : found) {
        assertThat(rank.getFloat(4 * i)).isEqualTo(sum);
      }
    }
  }

  private static float value(int rank, int i) {
    return (i + 1) / (3f + rank);
  }

  @Test
  void bytesOfRankZeroReachAll() throws Exception {
    List<byte[]> found =
        onAll(
            3,
            links -> {
              byte[] mine = new byte[1_500_000];
              if (links.world().isFirst()) {
                for (int i = 0; i < mine.length; i++) {
                  mine[i] = (byte) (31 * i);
                }
              }
              links.broadcast(ByteBuffer.wrap(mine));
              return mine;
            });
    assertThat(found.get(0)[1_499_999]).isEqualTo((byte) (31 * 1_499_999));
    assertThat(found.get(1)).isEqualTo(found.get(0));
    assertThat(found.get(2)).isEqualTo(found.get(0));
  }

  @Test
  void lostRankIsNamedToAllOthers() throws Exception {
    int port = freePort();
    List<Future<String>> survivors = new ArrayList<>();
    for (int rank = 0; rank < 2; rank++) {
      World world = world(rank, 3, port);
      survivors.add(
          threads.submit(
              () -> {
                try (RankLinks links = RankLinks.open(world, PATIENCE)) {
                  links.sum(1);
                  links.sum(1);
                  return "no failure";
                } catch (DogeException e) {
                  return e.getMessage();
                }
              }));
    }
    try (RankLinks links = RankLinks.open(world(2, 3, port), PATIENCE)) {
      links.sum(1); // and no more: closed without a farewell
    }
    for (int rank = 0; rank < 2; rank++) {
      assertThat(survivors.get(rank).get(10, TimeUnit.SECONDS))
          .startsWith("rank 2 ended before the run did, so rank " + rank + " of 3 ends too;");
    }
  }

  @Test
  void absentRankIsNamed() throws IOException {
    World world = world(0, 2, freePort());
    assertThatThrownBy(() -> RankLinks.open(world, Duration.ofMillis(300)))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("rank 1 of 2 did not come to 127.0.0.1:" + world.port());
  }

  @Test
  void absentRankZeroIsNamed() throws IOException {
    World world = world(1, 2, freePort());
    assertThatThrownBy(() -> RankLinks.open(world, Duration.ofMillis(300)))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("rank 0 was not found at 127.0.0.1:" + world.port());
  }

  @Test
  void strangersAtThePortAreTurnedAway() throws Exception {
    int port = freePort();
    Future<double[]> first =
        threads.submit(
            () -> {
              try (RankLinks links = RankLinks.open(world(0, 2, port), PATIENCE)) {
                return links.sum(1);
              }
            });
    try (Socket stranger = connect(port)) {
      stranger.getOutputStream().write("GET / HTTP/1.1\r\n\r\n".getBytes(US_ASCII));
      try (RankLinks links = RankLinks.open(world(1, 2, port), PATIENCE)) {
        assertThat(links.sum(2)).containsExactly(3);
        assertThat(first.get(10, TimeUnit.SECONDS)).containsExactly(3);
      }
    }
  }

  private static Socket connect(int port) throws InterruptedException {
    while (true) {
      try {
        return new Socket(InetAddress.getLoopbackAddress(), port);
      } catch (IOException notYet) {
        TimeUnit.MILLISECONDS.sleep(20);
      }
    }
  }

  @Test
  void anotherWorldSizeIsRefused() throws Exception {
    int port = freePort();
    Future<RankLinks> first = threads.submit(() -> RankLinks.open(world(0, 2, port), PATIENCE));
    Future<double[]> other =
        threads.submit(
            () -> {
              try (RankLinks links = RankLinks.open(world(1, 4, port), PATIENCE)) {
                return links.sum(1);
              }
            });
    assertThatThrownBy(() -> first.get(10, TimeUnit.SECONDS))
        .hasMessageContaining("came as rank 1 of 4, and rank 0 waits for 2 processes");
    assertThatThrownBy(() -> other.get(10, TimeUnit.SECONDS))
        .hasMessageContaining("rank 1 of 4 ends too");
  }

  @Test
  void aRankZeroThatGoesAtTheFirstWordIsMissedAtOnce() throws Exception {
    World world = world(1, 2, freePort());
    Future<double[]> other;
    try (ServerSocket server = new ServerSocket(world.port(), 1)) {
      other =
          threads.submit(
              () -> {
                try (RankLinks links = RankLinks.open(world, PATIENCE)) {
                  return links.sum(1);
                }
              });
      try (Socket first = server.accept()) {
        assertThat(first.getInputStream().readNBytes(16)).hasSize(16);
      }
    }
    assertThatThrownBy(() -> other.get(10, TimeUnit.SECONDS))
        .hasMessageContaining("rank 1 of 2 ends too");
  }

  @Test
  void environmentTellsTheWorld() {
    assertThat(World.of(Map.of())).isEqualTo(World.ALONE);
    World world = new World(3, 1, 4, "host-a", 1234);
    assertThat(World.of(world.environment())).isEqualTo(world);
    assertThatThrownBy(() -> World.of(Map.of("WORLD_SIZE", "2")))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("WORLD_SIZE is 2 without RANK and MASTER_ADDR");
    assertThatThrownBy(() -> new World(2, 0, 2, "host-a", 1234))
        .hasMessageContaining("RANK 2 is outside [0, 2)");
  }
}
