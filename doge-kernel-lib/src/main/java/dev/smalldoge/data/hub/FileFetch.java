package dev.smalldoge.data.hub;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

/**
 * Fetches one file in pieces, several at a time, into {@code NAME.part}; which pieces are there is
 * noted beside it in {@code NAME.part.pieces}, so that a cut loses the pieces under way alone. The
 * file gets its name once its hash is right.
 */
final class FileFetch {
  private static final int HASH_ATTEMPTS = 2;
  private final HubClient client;
  private final String repository;
  private final HubFile file;
  private final Path target;
  private final Path part;
  private final Path notes;
  private final int pieceBytes;
  private final LongConsumer progress;

  /**
   * Prepares to fetch.
   *
   * @param target where the file will be
   * @param progress is told how many bytes more are there, or fewer where some must come again
   */
  FileFetch(
      HubClient client,
      String repository,
      HubFile file,
      Path target,
      int pieceBytes,
      LongConsumer progress) {
    this.client = client;
    this.repository = repository;
    this.file = file;
    this.target = target;
    this.part = target.resolveSibling(target.getFileName() + ".part");
    this.notes = target.resolveSibling(target.getFileName() + ".part.pieces");
    this.pieceBytes = pieceBytes;
    this.progress = progress;
  }

  /** Bytes that are on this disk already. */
  long present() throws IOException {
    if (isWhole()) {
      return file.size();
    }
    BitSet done = done();
    return done.stream().mapToLong(this::length).sum();
  }

  private boolean isWhole() throws IOException {
    return Files.isRegularFile(target) && Files.size(target) == file.size();
  }

  /**
   * Fetches what is missing.
   *
   * @throws DogeException if that fails for good, or the bytes are not those that the list promises
   */
  void run(int threads) throws IOException, InterruptedException {
    HashNote known = new HashNote(target);
    if (isWhole()) {
      if (known.says(file.hash())) {
        return;
      }
      if (hash(target).equals(file.hash())) {
        known.write(file.hash());
        return;
      }
      progress.accept(-file.size()); // another version of the same size, or damaged since
    }
    known.forget();
    Files.createDirectories(target.getParent());
    String hash = "";
    for (int attempt = 0; attempt < HASH_ATTEMPTS; attempt++) {
      fetchPieces(threads);
      hash = hash(part);
      if (hash.equals(file.hash())) {
        Files.move(
            part, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        Files.deleteIfExists(notes);
        known.write(file.hash());
        return;
      }
      Files.delete(part);
      Files.deleteIfExists(notes);
      progress.accept(-file.size());
    }
    throw new DogeException(
        String.format(
            "%s came with hash %.12s instead of %.12s, %d times; nothing was kept, try again later",
            what(), hash, file.hash(), HASH_ATTEMPTS));
  }

  private String what() {
    return repository + " " + file.path();
  }

  private void fetchPieces(int threads) throws IOException, InterruptedException {
    BitSet done = done();
    ExecutorService workers = Executors.newFixedThreadPool(threads);
    try (FileChannel channel =
        FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      List<Future<?>> under = new ArrayList<>();
      for (int piece = 0; piece < pieces(); piece++) {
        if (!done.get(piece)) {
          int one = piece;
          under.add(workers.submit(() -> fetchPiece(channel, one)));
        }
      }
      for (Future<?> future : under) {
        future.get();
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof DogeException cause) {
        throw cause;
      }
      throw new IOException(e.getCause());
    } finally {
      workers.shutdownNow();
      while (!workers.awaitTermination(1, TimeUnit.SECONDS)) {
        // an interrupted piece ends at its next read; notes must not be written after we return
      }
    }
  }

  private int pieces() {
    return Math.toIntExact((file.size() + pieceBytes - 1) / pieceBytes);
  }

  private long length(int piece) {
    return Math.min(pieceBytes, file.size() - (long) piece * pieceBytes);
  }

  private Void fetchPiece(FileChannel channel, int piece) throws InterruptedException {
    long start = (long) piece * pieceBytes;
    long length = length(piece);
    AtomicLong came = new AtomicLong(); // of this piece: a second attempt goes on after them
    client.get(
        client.address(repository, file.path()),
        what(),
        () -> String.format("bytes=%d-%d", start + came.get(), start + length - 1),
        answer -> {
          readPiece(answer, channel, start, length, came);
          return length;
        });
    note(piece);
    return null;
  }

  private void readPiece(
      HttpResponse<InputStream> answer,
      FileChannel channel,
      long start,
      long length,
      AtomicLong came)
      throws IOException {
    InputStream body = answer.body();
    if (answer.statusCode() == 206) {
      long from = start + came.get();
      String expected = String.format("bytes %d-%d/%d", from, start + length - 1, file.size());
      String range = answer.headers().firstValue("Content-Range").orElse("none");
      check(
          range.equals(expected) || range.equals(expected.replaceFirst("[0-9]+$", "*")),
          "%s was sent as \"%s\" instead of \"%s\"; it changed on the hub, run it again",
          what(),
          range,
          expected);
    } else { // the server knows no ranges and sends everything
      body.skipNBytes(start + came.get());
    }
    byte[] bytes = new byte[1 << 16];
    while (came.get() < length) {
      int count = body.read(bytes, 0, (int) Math.min(bytes.length, length - came.get()));
      if (count < 0) {
        throw new IOException(
            String.format("the connection ended after %d of %d bytes", came.get(), length));
      }
      write(channel, ByteBuffer.wrap(bytes, 0, count), start + came.get());
      came.addAndGet(count);
      progress.accept(count);
    }
  }

  private void write(FileChannel channel, ByteBuffer chunk, long at) throws IOException {
    try {
      while (chunk.hasRemaining()) {
        channel.write(chunk, at + chunk.position());
      }
    } catch (ClosedChannelException e) {
      throw e; // another piece failed, or the download is interrupted
    } catch (IOException e) { // which another attempt would not mend
      throw new DogeException(
          String.format(
              "%s cannot be written (%s); what came is kept, free some room and run it again",
              part, e.getMessage()),
          e);
    }
  }

  private BitSet done() throws IOException {
    BitSet done = new BitSet();
    if (!Files.exists(notes) || !Files.exists(part)) {
      return done;
    }
    List<String> lines = Files.readAllLines(notes);
    if (lines.isEmpty() || !lines.get(0).equals(heading())) {
      return done; // of another version of the file, or in pieces of another size
    }
    for (String line : lines.subList(1, lines.size())) {
      if (line.matches("[0-9]{1,9}") && Integer.parseInt(line) < pieces()) {
        done.set(Integer.parseInt(line));
      }
    }
    return done;
  }

  private String heading() {
    return file.hash() + " " + file.size() + " " + pieceBytes;
  }

  private synchronized void note(int piece) {
    try {
      List<String> lines = Files.exists(notes) ? Files.readAllLines(notes) : List.of();
      boolean ours = !lines.isEmpty() && lines.get(0).equals(heading());
      String line = (ours ? "" : heading() + "\n") + piece + "\n";
      Files.writeString(
          notes,
          line,
          StandardOpenOption.CREATE,
          ours ? StandardOpenOption.APPEND : StandardOpenOption.TRUNCATE_EXISTING,
          StandardOpenOption.WRITE);
    } catch (IOException e) {
      throw new DogeException(notes + " cannot be written: " + e + "; check the disk", e);
    }
  }

  private String hash(Path of) throws IOException {
    boolean sha256 = file.hash().length() == 64;
    try {
      MessageDigest digest = MessageDigest.getInstance(sha256 ? "SHA-256" : "SHA-1");
      if (!sha256) { // git hashes a heading first
        digest.update(("blob " + file.size() + "\0").getBytes(StandardCharsets.UTF_8));
      }
      try (InputStream in = Files.newInputStream(of)) {
        byte[] bytes = new byte[1 << 16];
        for (int count = in.read(bytes); count >= 0; count = in.read(bytes)) {
          digest.update(bytes, 0, count);
        }
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256 and SHA-1", e);
    }
  }
}
