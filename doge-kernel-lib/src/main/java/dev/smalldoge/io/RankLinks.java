package dev.smalldoge.io;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.World;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Plain TCP connections of every rank of a {@link World} with rank 0, and what ranks do over them
 * together: add numbers, copy bytes from rank 0, add arrays.
 *
 * <p>Every rank calls the same methods in the same order. Sums are taken in the order of the ranks,
 * so they are the same bits on all ranks and in every run.
 *
 * <p>When a rank is lost, every call on the others fails with one sentence; a process that does not
 * end itself within {@value #GRACE_SECONDS} seconds, because it waits inside a device driver where
 * no exception reaches it, is ended. Nothing is encrypted or asked for a password: like torchrun's,
 * the port belongs on a network that is trusted.
 */
public final class RankLinks implements AutoCloseable {
  static final int GRACE_SECONDS = 5;

  private static final int CHUNK_BYTES = 1 << 20;

  private final World world;
  private final List<Peer> peers = new ArrayList<>();
  private final List<Runnable> onLoss = new ArrayList<>();
  private final byte[] chunk = new byte[CHUNK_BYTES];
  private volatile String loss;
  private volatile boolean closed;

  /** One other rank: rank 0 has all of them, the others have rank 0 alone. */
  private record Peer(Socket socket, DataInputStream in, DataOutputStream out, Lifeline lifeline) {}

  private RankLinks(World world) {
    this.world = world;
  }

  /**
   * Waits until all ranks are connected.
   *
   * @param patience how long
   * @throws DogeException if a rank does not come, with its number
   */
  public static RankLinks open(World world, Duration patience) {
    RankLinks links = new RankLinks(world);
    Rendezvous rendezvous = new Rendezvous(world, patience);
    try {
      for (Rendezvous.Pair pair : rendezvous.meet()) {
        links.peers.add(links.peer(pair));
      }
    } catch (IOException e) {
      throw new DogeException(
          String.format(
              "%s cannot be reached at %s:%d (%s); set MASTER_ADDR and MASTER_PORT to a host and a"
                  + " free port of rank 0",
              world, world.address(), world.port(), e.getMessage()),
          e);
    }
    return links;
  }

  private Peer peer(Rendezvous.Pair pair) throws IOException {
    pair.data().setSoTimeout(0);
    pair.data().setTcpNoDelay(true);
    return new Peer(
        pair.data(),
        new DataInputStream(new BufferedInputStream(pair.data().getInputStream(), CHUNK_BYTES)),
        new DataOutputStream(new BufferedOutputStream(pair.data().getOutputStream(), CHUNK_BYTES)),
        new Lifeline(pair.lifeline(), "rank " + pair.rank(), this::lose));
  }

  /** The world that is linked. */
  public World world() {
    return world;
  }

  /** Has something done, once, on a thread of its own, when a rank is lost. */
  public void onLoss(Runnable action) {
    synchronized (onLoss) {
      onLoss.add(action);
    }
  }

  private void lose(String who) {
    synchronized (this) {
      if (closed || loss != null) {
        return;
      }
      loss = who;
    }
    peers.forEach(peer -> peer.lifeline.news(who));
    peers.forEach(peer -> closeQuietly(peer.socket));
    synchronized (onLoss) {
      onLoss.forEach(Runnable::run);
    }
    endUnlessClosed();
  }

  private static void closeQuietly(Socket socket) {
    try {
      socket.close(); // what waits on it fails at once
    } catch (IOException alreadyClosed) {
      // as wanted
    }
  }

  private void endUnlessClosed() {
    long deadline = System.nanoTime() + Duration.ofSeconds(GRACE_SECONDS).toNanos();
    while (!closed) {
      if (System.nanoTime() > deadline) {
        System.err.println(lost(null).getMessage());
        Runtime.getRuntime().halt(1);
      }
      try {
        Thread.sleep(50);
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private DogeException lost(IOException cause) {
    String who = loss;
    if (who == null) {
      who = "a rank ended before the run did"; // the data came to its end before the lifeline did
    }
    return new DogeException(
        who
            + ", so "
            + world
            + " ends too; its own output says why; start all ranks again, and the run goes on from"
            + " its last checkpoint",
        cause);
  }

  /** Something done with the peers, any failure of which means that one was lost. */
  private interface Talk {
    void run() throws IOException;
  }

  private void talk(Talk talk) {
    try {
      talk.run();
    } catch (IOException e) {
      awaitNews();
      throw lost(e);
    }
  }

  /** Lets the lifeline's thread say who it was, which it knows within moments. */
  private void awaitNews() {
    for (int i = 0; i < 20 && loss == null; i++) {
      try {
        Thread.sleep(50);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  /** The sums over all ranks of numbers of which every rank gives as many. */
  public double[] sum(double... mine) {
    double[] sums = mine.clone();
    talk(
        () -> {
          if (world.isFirst()) {
            for (Peer peer : peers) {
              readDoubles(peer.in, sums, true);
            }
          }
          for (Peer peer : peers) {
            peer.out.writeInt(sums.length);
            for (double number : sums) {
              peer.out.writeDouble(number);
            }
            peer.out.flush();
          }
          if (!world.isFirst()) {
            readDoubles(peers.get(0).in, sums, false);
          }
        });
    return sums;
  }

  private static void readDoubles(DataInputStream in, double[] into, boolean add)
      throws IOException {
    int count = in.readInt();
    check(
        count == into.length,
        "the ranks do different work (%d and %d figures); start all with the same command",
        into.length,
        count);
    for (int i = 0; i < count; i++) {
      double number = in.readDouble();
      into[i] = add ? into[i] + number : number;
    }
  }

  /** Gives all ranks the bytes of rank 0, in place; as many on every rank. */
  public void broadcast(ByteBuffer bytes) {
    talk(
        () -> {
          ByteBuffer left = bytes.duplicate();
          while (left.hasRemaining()) {
            int count = Math.min(CHUNK_BYTES, left.remaining());
            if (world.isFirst()) {
              left.get(chunk, 0, count);
              send(count);
            } else {
              peers.get(0).in.readFully(chunk, 0, count);
              left.put(chunk, 0, count);
            }
          }
        });
  }

  private void send(int count) throws IOException {
    for (Peer peer : peers) {
      peer.out.write(chunk, 0, count);
      peer.out.flush();
    }
  }

  /** Replaces FLOAT32 numbers in native order by their sums over all ranks, in place. */
  public void sumFloats(ByteBuffer numbers) {
    talk(
        () -> {
          ByteBuffer left = numbers.duplicate().order(ByteOrder.nativeOrder());
          while (left.hasRemaining()) {
            int count = Math.min(CHUNK_BYTES, left.remaining());
            ByteBuffer part = left.slice().order(ByteOrder.nativeOrder()).limit(count);
            sumChunk(part);
            left.position(left.position() + count);
          }
        });
  }

  /** One chunk there and back before the next, so that no two ranks fill each other's buffers. */
  private void sumChunk(ByteBuffer part) throws IOException {
    int count = part.remaining();
    if (world.isFirst()) {
      FloatBuffer sums = part.asFloatBuffer();
      FloatBuffer theirs = ByteBuffer.wrap(chunk).order(ByteOrder.nativeOrder()).asFloatBuffer();
      for (Peer peer : peers) {
        peer.in.readFully(chunk, 0, count);
        for (int i = 0; i < count / Float.BYTES; i++) {
          sums.put(i, sums.get(i) + theirs.get(i));
        }
      }
    }
    part.duplicate().get(chunk, 0, count);
    send(count);
    if (!world.isFirst()) {
      peers.get(0).in.readFully(chunk, 0, count);
      part.put(chunk, 0, count);
    }
  }

  /** Takes leave of the other ranks: this one may end from here on, and none will miss it. */
  public void farewell() {
    peers.forEach(peer -> peer.lifeline.farewell());
  }

  /** Closes the connections; without a {@link #farewell} before, the other ranks end too. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    for (Peer peer : peers) {
      closeQuietly(peer.socket);
      try {
        peer.lifeline.close();
      } catch (IOException alreadyClosed) {
        // as wanted
      }
    }
  }
}
