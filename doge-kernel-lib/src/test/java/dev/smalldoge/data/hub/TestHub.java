package dev.smalldoge.data.hub;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/** A hub on this machine that serves data sets, and misbehaves as a test says. */
public final class TestHub implements AutoCloseable {
  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final Map<String, Map<String, byte[]>> repositories = new LinkedHashMap<>();
  private final Map<String, byte[]> blobs = new LinkedHashMap<>();
  public final List<String> ranges = Collections.synchronizedList(new ArrayList<>());
  final List<String> tokensSeen = Collections.synchronizedList(new ArrayList<>());
  private final AtomicInteger failures = new AtomicInteger();
  private volatile Misbehaviour misbehaviour = exchange -> false;
  private volatile CountDownLatch stalledLists = new CountDownLatch(0);
  private long claimed; // size of every file in the lists, where it is not 0
  private int pageSize = 2;

  /** What goes wrong; true if it has answered. */
  public interface Misbehaviour {
    boolean answer(HttpExchange exchange) throws IOException;
  }

  /** A hub without files. */
  public TestHub() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/api/datasets/", this::list);
    server.createContext("/datasets/", this::resolve);
    server.createContext("/content/", this::blob);
    server.setExecutor(threads);
    server.start();
  }

  /** Where it answers. */
  public URI uri() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  /** Serves a file of the data set {@code org/set}. */
  public void put(String path, byte[] content) {
    put("org/set", path, content);
  }

  /** Serves a file of a data set. */
  public void put(String repository, String path, byte[] content) {
    repositories.computeIfAbsent(repository, name -> new LinkedHashMap<>()).put(path, content);
  }

  /** The data set that a request for {@code prefix}ORGANIZATION/NAME/... names. */
  private static String repository(HttpExchange exchange, String prefix) {
    String[] parts = exchange.getRequestURI().getPath().substring(prefix.length()).split("/", -1);
    return parts[0] + "/" + parts[1];
  }

  private Map<String, byte[]> files(String repository) {
    return repositories.getOrDefault(repository, Map.of());
  }

  /** The ranges that were asked for; requests of a download that has ended may still come. */
  Set<String> differentRanges() {
    synchronized (ranges) {
      return Set.copyOf(ranges);
    }
  }

  void putBlob(String id, byte[] content) {
    blobs.put(id, content);
  }

  /** Has the first {@code count} answers for files go wrong. */
  public void fail(int count, Misbehaviour how) {
    failures.set(count);
    misbehaviour = how;
  }

  /** Has lists of files stop after their first byte until the latch is open. */
  void stallLists(CountDownLatch latch) {
    stalledLists = latch;
  }

  /** Has lists say that each large file has so many bytes. */
  void claim(long bytes) {
    claimed = bytes;
  }

  static Misbehaviour status(int status, String... headers) {
    return exchange -> {
      for (int i = 0; i < headers.length; i += 2) {
        exchange.getResponseHeaders().add(headers[i], headers[i + 1]);
      }
      exchange.sendResponseHeaders(status, -1);
      return true;
    };
  }

  private void list(HttpExchange exchange) throws IOException {
    try (exchange) {
      tokensSeen.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
      String query = String.valueOf(exchange.getRequestURI().getQuery());
      int from =
          query.contains("cursor=") ? Integer.parseInt(query.replaceAll(".*cursor=", "")) : 0;
      List<String> entries = new ArrayList<>(List.of("{\"type\":\"directory\",\"path\":\"data\"}"));
      String repository = repository(exchange, "/api/datasets/");
      Map<String, byte[]> files = files(repository);
      if (files.isEmpty()) {
        exchange.sendResponseHeaders(404, -1);
        return;
      }
      List<String> paths = new ArrayList<>(files.keySet());
      for (String path : paths.subList(from, Math.min(paths.size(), from + pageSize))) {
        byte[] content = files.get(path);
        String entry = "{\"type\":\"file\",\"path\":\"%s\",\"size\":%d,\"oid\":\"%s\"%s}";
        String lfs = ",\"lfs\":{\"oid\":\"%s\",\"size\":%d,\"pointerSize\":133}";
        boolean large = path.endsWith(".parquet") || content.length > 100;
        entries.add(
            entry.formatted(
                path,
                content.length,
                gitHash(content),
                large
                    ? lfs.formatted(
                        hash("SHA-256", content), claimed > 0 ? claimed : content.length)
                    : ""));
      }
      if (from + pageSize < paths.size()) {
        String next = uri() + "/api/datasets/" + repository + "/tree/main?recursive=true&cursor=";
        exchange
            .getResponseHeaders()
            .add("Link", "<" + next + (from + pageSize) + ">; rel=\"next\"");
      }
      byte[] json = ("[" + String.join(",", entries) + "]").getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(200, json.length);
      exchange.getResponseBody().write(json, 0, 1);
      exchange.getResponseBody().flush();
      stalledLists.await();
      exchange.getResponseBody().write(json, 1, json.length - 1);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void resolve(HttpExchange exchange) throws IOException {
    try (exchange) {
      String repository = repository(exchange, "/datasets/");
      String path =
          exchange.getRequestURI().getPath().replaceFirst("^/datasets/.*/resolve/main/", "");
      ranges.add(String.valueOf(exchange.getRequestHeaders().getFirst("Range")));
      tokensSeen.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
      if (failures.getAndDecrement() > 0 && misbehaviour.answer(exchange)) {
        return;
      }
      byte[] content = files(repository).get(path);
      if (content == null) {
        exchange.sendResponseHeaders(404, -1);
        return;
      }
      send(exchange, content);
    }
  }

  /** Sends the range that was asked for, or all. */
  static void send(HttpExchange exchange, byte[] content) throws IOException {
    String range = exchange.getRequestHeaders().getFirst("Range");
    if (range == null) {
      exchange.sendResponseHeaders(200, content.length);
      exchange.getResponseBody().write(content);
      return;
    }
    int from = Integer.parseInt(range.replaceAll("bytes=(\\d+)-.*", "$1"));
    int to = Integer.parseInt(range.replaceAll(".*-(\\d+)", "$1"));
    exchange
        .getResponseHeaders()
        .add("Content-Range", "bytes " + from + "-" + to + "/" + content.length);
    exchange.sendResponseHeaders(206, to - from + 1L);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(content, from, to - from + 1);
    }
  }

  private void blob(HttpExchange exchange) throws IOException {
    try (exchange) {
      tokensSeen.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
      byte[] content = blobs.get(exchange.getRequestURI().getPath().replaceFirst("^/content/", ""));
      exchange.sendResponseHeaders(
          content == null ? 404 : 200, content == null ? -1 : content.length);
      if (content != null) {
        exchange.getResponseBody().write(content);
      }
    }
  }

  private static String gitHash(byte[] content) {
    byte[] heading = ("blob " + content.length + "\0").getBytes(StandardCharsets.UTF_8);
    byte[] both = new byte[heading.length + content.length];
    System.arraycopy(heading, 0, both, 0, heading.length);
    System.arraycopy(content, 0, both, heading.length, content.length);
    return hash("SHA-1", both);
  }

  private static String hash(String algorithm, byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
