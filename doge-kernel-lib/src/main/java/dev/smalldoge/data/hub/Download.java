package dev.smalldoge.data.hub;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.Home;
import dev.smalldoge.data.Corpus;
import dev.smalldoge.io.DiskSpace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * Fetches a data set of the hub, or its first part, into a folder that {@link Corpus#of} finds.
 *
 * <p>What is there already is not fetched again; a download that was cut, interrupted or killed
 * goes on where it was. The hub is that of {@code HF_ENDPOINT}, the token that of {@code HF_TOKEN}.
 *
 * <p>Example: {@code Download.of("fineweb-edu").firstFiles(2).under("datasets")}.
 */
public final class Download {
  private static final int PIECE_BYTES = 16 << 20;
  private static final int THREADS = 8;
  private static final double BYTES_PER_TOKEN = 4.3; // of English prose with the Doge tokenizer
  private static final long PROGRESS_NANOS = 500_000_000L;

  private final HubSource source;
  private final HubClient client;
  private final int pieceBytes;
  private long files = Long.MAX_VALUE;
  private long rows = Long.MAX_VALUE;
  private long tokens = Long.MAX_VALUE;
  private long missing;
  private Consumer<DownloadProgress> listener = progress -> {};

  Download(HubSource source, HubClient client, int pieceBytes) {
    this.source = source;
    this.client = client;
    this.pieceBytes = pieceBytes;
  }

  /**
   * A download of a known name, such as {@code fineweb-edu}, or of {@code organization/name} or
   * {@code organization/name:subset}.
   */
  public static Download of(String name) {
    return new Download(HubSource.of(name), HubClient.fromEnvironment(), PIECE_BYTES);
  }

  /** The test split of the same data, into {@code NAME-test}. */
  public Download test() {
    return new Download(source.test(), client, pieceBytes);
  }

  /** Only the first {@code count} files. */
  public Download firstFiles(long count) {
    check(count > 0, "the first %d files are none; ask for at least 1", count);
    files = count;
    return this;
  }

  /** Only as many files as hold {@code count} rows. */
  public Download firstRows(long count) {
    check(count > 0, "the first %d rows are none; ask for at least 1", count);
    rows = count;
    return this;
  }

  /** Only as many files as hold about {@code count} tokens, at 4.3 bytes of text a token. */
  public Download firstTokens(long count) {
    check(count > 0, "the first %d tokens are none; ask for at least 1", count);
    tokens = count;
    return this;
  }

  /** Tells {@code newListener} about the progress, at most twice a second. */
  public Download listener(Consumer<DownloadProgress> newListener) {
    listener = newListener;
    return this;
  }

  /**
   * Fetches into {@code folder}/NAME.
   *
   * @return the corpus of what was fetched
   * @throws DogeException if the data set is not there or may not be read, the disk has not enough
   *     room, the hub kept failing, or the thread was interrupted
   */
  public Corpus under(Path folder) {
    try {
      Path own = folder.resolve(source.isOfBlobs() ? source.name() + "-ids" : source.name());
      List<HubFile> all = source.select(client.files(source.repository()));
      List<HubFile> chosen = all.stream().limit(files).toList();
      if (!isPart()) { // else how many files there will be shows as they come
        requireRoom(own, chosen);
      }
      Meter meter = new Meter(chosen.stream().mapToLong(HubFile::size).sum());
      long textBytes = 0;
      long gotRows = 0;
      for (HubFile file : chosen) {
        requireRoom(own, List.of(file));
        Path target = own.resolve(file.path());
        FileFetch fetch =
            new FileFetch(client, source.repository(), file, target, pieceBytes, meter::fetched);
        meter.present(fetch.present());
        fetch.run(THREADS);
        if (source.isOfBlobs()) {
          gotRows += blobs(target, folder.resolve(source.name()), rows - gotRows);
        } else if (isPart()) {
          Corpus.Size size = Corpus.file(target).size();
          gotRows += size.rows();
          textBytes += size.bytes();
        }
        if (gotRows >= rows || textBytes / BYTES_PER_TOKEN >= tokens) {
          break;
        }
      }
      meter.tell();
      return Corpus.of(source.name()).under(folder);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DogeException(
          source.name() + " was interrupted; what came is kept, run it again to go on", e);
    } catch (IOException e) {
      throw new DogeException(
          source.name() + " could not be kept: " + e.getMessage() + "; check the disk", e);
    }
  }

  /** As {@link #under(Path)}. */
  public Corpus under(String folder) {
    return under(Home.path(folder));
  }

  private boolean isPart() {
    return rows != Long.MAX_VALUE || tokens != Long.MAX_VALUE;
  }

  private long blobs(Path ids, Path target, long wanted) throws IOException, InterruptedException {
    check(
        tokens == Long.MAX_VALUE,
        "%s is fetched text by text, so its tokens are not known before; ask for rows instead",
        source.name());
    BlobFetch fetch = new BlobFetch(client, BlobFetch.SOFTWARE_HERITAGE, target);
    long count = fetch.run(ids, wanted);
    missing += fetch.missing();
    return count;
  }

  /** Texts that the ids name but that are kept no more, empty or not UTF-8; they are left out. */
  public long missing() {
    return missing;
  }

  private void requireRoom(Path own, List<HubFile> chosen) throws IOException {
    Files.createDirectories(own);
    long needed = 0;
    for (HubFile file : chosen) {
      Path target = own.resolve(file.path());
      needed +=
          file.size()
              - new FileFetch(client, source.repository(), file, target, pieceBytes, bytes -> {})
                  .present();
    }
    long free = DiskSpace.free(own);
    check(
        free >= needed,
        "%s needs %,d bytes more, but the disk has %,d left; take fewer files, free some room or"
            + " choose another folder",
        source.name(),
        needed,
        free);
  }

  /** Counts bytes and tells the listener now and then. */
  private final class Meter {
    private final long total;
    private final long began = System.nanoTime();
    private final AtomicLong bytes = new AtomicLong();
    private final AtomicLong came = new AtomicLong();
    private final AtomicLong lastTold = new AtomicLong(began);

    Meter(long total) {
      this.total = total;
    }

    void present(long count) {
      bytes.addAndGet(count);
    }

    void fetched(long count) {
      bytes.addAndGet(count);
      came.addAndGet(count);
      long last = lastTold.get();
      long now = System.nanoTime();
      if (now - last >= PROGRESS_NANOS && lastTold.compareAndSet(last, now)) {
        tell();
      }
    }

    void tell() {
      double seconds = Math.max(1e-3, (System.nanoTime() - began) / 1e9);
      listener.accept(new DownloadProgress(bytes.get(), total, came.get() / seconds));
    }
  }
}
