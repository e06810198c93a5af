package dev.smalldoge.io;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.World;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** How the ranks of a {@link World} find each other: rank 0 waits on a port, the others come. */
final class Rendezvous {
  private static final int MAGIC = 0x646f6765; // "doge"
  private static final int HELLO_MILLIS = 5_000;
  private static final int RETRY_MILLIS = 100;
  private static final int BACKLOG = 128;

  private final World world;
  private final Duration patience;
  private final long deadline;

  Rendezvous(World world, Duration patience) {
    this.world = world;
    this.patience = patience;
    this.deadline = System.nanoTime() + patience.toNanos();
  }

  /** The two connections with one other rank. */
  record Pair(int rank, Socket data, Socket lifeline) {}

  /** The connections: of rank 0 with all others in their order, of any other with rank 0. */
  List<Pair> meet() throws IOException {
    if (world.isFirst()) {
      return await();
    }
    Socket data = come(0);
    try {
      return List.of(new Pair(0, data, come(1)));
    } catch (IOException | RuntimeException e) {
      data.close();
      throw e;
    }
  }

  private int millisLeft() {
    return (int) Math.max(1, (deadline - System.nanoTime()) / 1_000_000);
  }

  private List<Pair> await() throws IOException {
    Socket[][] found = new Socket[world.size()][2];
    try {
      accept(found);
    } catch (IOException | RuntimeException e) {
      for (Socket[] pair : found) {
        for (Socket socket : pair) {
          if (socket != null) {
            socket.close(); // those that came need not wait any longer
          }
        }
      }
      throw e;
    }
    List<Pair> pairs = new ArrayList<>();
    for (int rank = 1; rank < world.size(); rank++) {
      pairs.add(new Pair(rank, found[rank][0], found[rank][1]));
    }
    return pairs;
  }

  private void accept(Socket[][] found) throws IOException {
    InetAddress address = InetAddress.getByName(world.address());
    InetSocketAddress here =
        address.isLoopbackAddress()
            ? new InetSocketAddress(address, world.port())
            : new InetSocketAddress(world.port());
    try (ServerSocket server = new ServerSocket()) {
      server.setReuseAddress(true);
      server.bind(here, BACKLOG);
      for (int missing = 2 * (world.size() - 1); missing > 0; ) {
        server.setSoTimeout(millisLeft());
        missing -= greet(server.accept(), found) ? 1 : 0;
      }
    } catch (SocketTimeoutException e) {
      int absent = 1;
      while (absent < world.size() - 1 && found[absent][1] != null) {
        absent++;
      }
      check(
          false,
          "rank %d of %d did not come to %s:%d within %d s; start it with MASTER_ADDR=%s"
              + " MASTER_PORT=%d",
          absent,
          world.size(),
          world.address(),
          world.port(),
          patience.toSeconds(),
          world.address(),
          world.port());
    }
  }

  /** Whether a connection is one of those that are waited for; others are closed. */
  private boolean greet(Socket socket, Socket[][] found) throws IOException {
    socket.setSoTimeout(HELLO_MILLIS);
    int rank;
    int size;
    int kind;
    try {
      DataInputStream in = new DataInputStream(socket.getInputStream());
      if (in.readInt() != MAGIC) {
        socket.close();
        return false;
      }
      rank = in.readInt();
      size = in.readInt();
      kind = in.readInt();
    } catch (IOException stranger) {
      socket.close();
      return false;
    }
    boolean expected = size == world.size() && rank > 0 && rank < size && (kind == 0 || kind == 1);
    if (!expected) {
      socket.close();
    }
    check(
        expected,
        "a process came as rank %d of %d, and rank 0 waits for %d processes; give all the same"
            + " WORLD_SIZE",
        rank,
        size,
        world.size());
    check(
        found[rank][kind] == null,
        "two processes came as rank %d; give every process a RANK of its own",
        rank);
    found[rank][kind] = socket;
    return true;
  }

  private Socket come(int kind) throws IOException {
    while (true) {
      Socket socket = new Socket();
      try {
        socket.connect(new InetSocketAddress(world.address(), world.port()), millisLeft());
        DataOutputStream out = new DataOutputStream(socket.getOutputStream());
        out.writeInt(MAGIC);
        out.writeInt(world.rank());
        out.writeInt(world.size());
        out.writeInt(kind);
        return socket;
      } catch (SocketException | SocketTimeoutException notYet) {
        socket.close();
        check( // it listens until it has both connections of every rank
            kind == 0 || notYet instanceof SocketTimeoutException,
            "rank 0 was found at %s:%d and is gone again, so %s ends too; its own output says why;"
                + " start all ranks again",
            world.address(),
            world.port(),
            world);
        if (!(notYet instanceof ConnectException || notYet instanceof SocketTimeoutException)) {
          throw notYet;
        }
        check(
            System.nanoTime() < deadline,
            "rank 0 was not found at %s:%d within %d s; start it, or set MASTER_ADDR and"
                + " MASTER_PORT to where it is",
            world.address(),
            world.port(),
            patience.toSeconds());
        pause();
      }
    }
  }

  private static void pause() throws IOException {
    try {
      Thread.sleep(RETRY_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }
}
