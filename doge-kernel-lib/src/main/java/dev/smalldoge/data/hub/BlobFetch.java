package dev.smalldoge.data.hub;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.data.Corpus;
import dev.smalldoge.io.WrittenAside;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

/**
 * Fetches texts by their ids, one request each, and writes them as jsonl.gz of {@code id} and
 * {@code text}, a file for each thousand ids; files that are there are not fetched again.
 *
 * <p>A text that is kept no more, or whose bytes are not UTF-8, is left out and counted. The
 * reference drops the former too, and the bytes that are no UTF-8 out of the latter.
 *
 * <p>Source: the card of HuggingFaceTB/smollm-corpus, "python-edu".
 */
final class BlobFetch {
  static final URI SOFTWARE_HERITAGE =
      URI.create("https://softwareheritage.s3.amazonaws.com/content/");
  private static final int IDS = 1_000;
  private static final int THREADS = 32;
  private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();
  private final HubClient client;
  private final URI base;
  private final Path folder;
  private long missing;

  BlobFetch(HubClient client, URI base, Path folder) {
    this.client = client;
    this.base = base;
    this.folder = folder;
  }

  /** Texts left out so far. */
  long missing() {
    return missing;
  }

  /**
   * Fetches the texts of the first {@code wanted} ids in column {@code blob_id} of {@code ids}.
   *
   * @return how many ids there were
   */
  long run(Path ids, long wanted) throws IOException, InterruptedException {
    Files.createDirectories(folder);
    String name = ids.getFileName().toString().replaceFirst("\\.[^.]*$", "");
    Iterator<String> all = Corpus.file(ids).withTextColumn("blob_id").texts().iterator();
    ExecutorService workers = Executors.newFixedThreadPool(THREADS);
    long count = 0;
    try {
      for (int part = 0; all.hasNext() && count < wanted; part++) {
        List<String> some = new ArrayList<>();
        while (all.hasNext() && some.size() < IDS && count < wanted) {
          some.add(all.next());
          count++;
        }
        Path file = folder.resolve(String.format("%s-%06d-%04d.jsonl.gz", name, part, some.size()));
        if (Files.notExists(file)) {
          write(file, some, workers);
        }
      }
    } finally {
      workers.shutdownNow();
    }
    return count;
  }

  private void write(Path file, List<String> ids, ExecutorService workers)
      throws InterruptedException {
    List<Future<Optional<String>>> texts = new ArrayList<>();
    for (String id : ids) {
      texts.add(workers.submit(() -> fetch(id)));
    }
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < ids.size(); i++) {
      try {
        Optional<String> text = texts.get(i).get();
        missing += text.isPresent() ? 0 : 1;
        if (text.isPresent()) {
          lines.add(GSON.toJson(Map.of("id", ids.get(i), "text", text.get())));
        }
      } catch (ExecutionException e) {
        if (e.getCause() instanceof DogeException cause) {
          throw cause;
        }
        throw new IllegalStateException(e.getCause());
      }
    }
    WrittenAside.one(
        file,
        out -> {
          GZIPOutputStream zipped = new GZIPOutputStream(out);
          for (String line : lines) {
            zipped.write((line + "\n").getBytes(StandardCharsets.UTF_8));
          }
          zipped.finish();
        });
  }

  /** The text, or nothing where it is kept no more or is no text. */
  private Optional<String> fetch(String id) throws InterruptedException {
    return client
        .find(
            base.resolve(id),
            "text " + id,
            null,
            answer -> new GZIPInputStream(answer.body()).readAllBytes())
        .flatMap(BlobFetch::decode);
  }

  private static Optional<String> decode(byte[] bytes) {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      return Optional.of(text).filter(t -> !t.isEmpty());
    } catch (CharacterCodingException e) {
      return Optional.empty();
    }
  }
}
