package dev.smalldoge.data.hub;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.smalldoge.config.DogeException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The HTTP interface of a Hugging Face hub. Every request is tried again after a pause where that
 * can help; the token goes to the hub's own host and to no other that it redirects to.
 */
final class HubClient {
  private static final Pattern NEXT = Pattern.compile("<([^>]+)>\\s*;\\s*rel=\"next\"");
  private static final int ATTEMPTS = 8;
  private static final int REDIRECTS = 5;
  private static final Duration LONGEST_PAUSE = Duration.ofMinutes(2);

  private final HttpClient client =
      HttpClient.newBuilder()
          .followRedirects(HttpClient.Redirect.NEVER) // Java would send the token along
          .connectTimeout(Duration.ofSeconds(30))
          .build();
  private final URI endpoint;
  private final Optional<String> token;
  private final Duration firstPause;
  private final Duration patience;

  /** What is done with an answer's body; failing with an IOException has it tried again. */
  @FunctionalInterface
  interface Body<T> {
    /** Reads the body of an answer of status 200 or 206. */
    T read(HttpResponse<InputStream> answer) throws IOException;
  }

  /**
   * Speaks to a hub.
   *
   * @param endpoint its address, such as {@code https://huggingface.co}
   * @param token what authorizes, where something is needed
   * @param firstPause how long to wait before the second attempt; doubled before each other
   * @param patience how long a connection may send nothing before it is cut and tried again
   */
  HubClient(URI endpoint, Optional<String> token, Duration firstPause, Duration patience) {
    this.endpoint = endpoint;
    this.token = token;
    this.firstPause = firstPause;
    this.patience = patience;
  }

  /** The client that {@code HF_ENDPOINT} and {@code HF_TOKEN} say. */
  static HubClient fromEnvironment() {
    String endpoint = System.getenv().getOrDefault("HF_ENDPOINT", "https://huggingface.co");
    String token = System.getenv("HF_TOKEN");
    return new HubClient(
        URI.create(endpoint),
        Optional.ofNullable(token).filter(text -> !text.isBlank()),
        Duration.ofSeconds(1),
        Duration.ofSeconds(30));
  }

  /** The files of a data set's repository, all pages of the list. */
  List<HubFile> files(String repository) throws InterruptedException {
    List<HubFile> files = new ArrayList<>();
    Optional<URI> page =
        Optional.of(uri("/api/datasets/" + repository + "/tree/main?recursive=true"));
    while (page.isPresent()) {
      URI current = page.get();
      page =
          get(
              current,
              repository,
              null,
              answer -> {
                String text = new String(answer.body().readAllBytes(), StandardCharsets.UTF_8);
                files.addAll(files(repository, text));
                return next(current, answer);
              });
    }
    return files;
  }

  private static Optional<URI> next(URI page, HttpResponse<?> answer) {
    Matcher link = NEXT.matcher(answer.headers().firstValue("Link").orElse(""));
    return link.find() ? Optional.of(page.resolve(link.group(1))) : Optional.empty();
  }

  private static List<HubFile> files(String repository, String json) {
    List<HubFile> files = new ArrayList<>();
    try {
      for (JsonElement element : JsonParser.parseString(json).getAsJsonArray()) {
        JsonObject entry = element.getAsJsonObject();
        if (entry.get("type").getAsString().equals("file")) {
          JsonObject lfs = entry.getAsJsonObject("lfs");
          String path = entry.get("path").getAsString();
          check(
              !path.startsWith("/") && !path.contains("..") && !path.contains("\\"),
              "%s lists \"%s\", which would leave its folder; nothing was fetched",
              repository,
              path);
          JsonObject content = lfs == null ? entry : lfs;
          files.add(
              new HubFile(path, content.get("size").getAsLong(), content.get("oid").getAsString()));
        }
      }
    } catch (JsonParseException | IllegalStateException | NullPointerException e) {
      throw new DogeException("the list of " + repository + "'s files makes no sense", e);
    }
    return files;
  }

  /** Where a file of a data set's repository is. */
  URI address(String repository, String path) {
    StringBuilder encoded = new StringBuilder("/datasets/" + repository + "/resolve/main");
    for (String part : path.split("/", -1)) {
      encoded
          .append('/')
          .append(java.net.URLEncoder.encode(part, StandardCharsets.UTF_8).replace("+", "%20"));
    }
    return uri(encoded.toString());
  }

  private URI uri(String path) {
    return URI.create(endpoint.toString().replaceFirst("/$", "") + path);
  }

  /**
   * Asks for {@code address} until {@code body} has read an answer.
   *
   * @param what the thing asked for, for errors
   * @param range the value of a {@code Range} header, asked anew at each attempt; null for the
   *     whole
   * @throws DogeException if it may not be read, is not there, or kept failing
   */
  <T> T get(URI address, String what, Supplier<String> range, Body<T> body)
      throws InterruptedException {
    return find(address, what, range, body)
        .orElseThrow(
            () -> new DogeException(what + " does not exist (status 404); check the name"));
  }

  /**
   * As {@link #get}, but empty where there is nothing at that address; {@code body} gives no null.
   */
  <T> Optional<T> find(URI address, String what, Supplier<String> range, Body<T> body)
      throws InterruptedException {
    String last = "";
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      Duration pause = firstPause.multipliedBy(1L << attempt);
      try {
        HttpResponse<InputStream> answer =
            follow(address, what, range == null ? null : range.get());
        try (InputStream stream = answer.body()) {
          int status = answer.statusCode();
          if (status == 200 || status == 206) {
            return Optional.of(body.read(answer));
          }
          if (status == 404) {
            return Optional.empty();
          }
          refuseForGood(status, what);
          last = "status " + status;
          pause = asked(answer).filter(p -> p.compareTo(LONGEST_PAUSE) <= 0).orElse(pause);
        }
      } catch (IOException e) {
        last = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
      }
      if (attempt + 1 < ATTEMPTS) {
        pause(pause);
      }
    }
    throw new DogeException(
        String.format(
            "%s could not be fetched in %d attempts (the last: %s); what came is kept, run it again"
                + " to go on from there",
            what, ATTEMPTS, last));
  }

  private void pause(Duration pause) throws InterruptedException {
    Duration shortest = pause.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause;
    long spread = ThreadLocalRandom.current().nextLong(firstPause.toMillis() / 4 + 1);
    Thread.sleep(shortest.toMillis() + spread); // so that many threads do not come at once
  }

  private static Optional<Duration> asked(HttpResponse<?> answer) {
    return answer
        .headers()
        .firstValue("Retry-After")
        .filter(text -> text.matches("[0-9]{1,6}"))
        .map(text -> Duration.ofSeconds(Long.parseLong(text)));
  }

  private void refuseForGood(int status, String what) {
    check(
        status != 401 && status != 403,
        "%s may not be read (status %d)%s",
        what,
        status,
        token.isPresent()
            ? "; HF_TOKEN is not allowed to, accept the data set's terms on its page"
            : "; set HF_TOKEN to a token of your account and accept the terms on its page");
    check(
        status != 416,
        "%s is shorter than the hub's list says (status 416); it changed, run it again",
        what);
    check(
        status == 408 || status == 429 || status >= 500 || status < 400,
        "%s was refused (status %d); check the name",
        what,
        status);
  }

  private HttpResponse<InputStream> follow(URI address, String what, String range)
      throws IOException, InterruptedException {
    URI current = address;
    for (int i = 0; i <= REDIRECTS; i++) {
      HttpRequest.Builder request = HttpRequest.newBuilder(current).timeout(patience).GET();
      if (range != null) {
        request.header("Range", range);
      }
      if (token.isPresent() && isOfHub(current)) {
        request.header("Authorization", "Bearer " + token.get());
      }
      HttpResponse<InputStream> answer =
          client.send(request.build(), head -> new PatientBody(patience));
      Optional<String> location = answer.headers().firstValue("Location");
      if (answer.statusCode() / 100 != 3 || location.isEmpty()) {
        return answer;
      }
      answer.body().close();
      current = target(current, location.get(), what);
    }
    throw new DogeException(what + " redirects without end; check HF_ENDPOINT");
  }

  /** Whether the token may go to {@code address}: the hub's own host, as well guarded as it. */
  boolean isOfHub(URI address) {
    return address.getAuthority().equals(endpoint.getAuthority())
        && address.getScheme().equals(endpoint.getScheme());
  }

  private static URI target(URI from, String location, String what) {
    try {
      URI target = from.resolve(location);
      if (target.getAuthority() != null && target.getScheme().matches("https?")) {
        return target;
      }
    } catch (IllegalArgumentException e) {
      throw new DogeException(refused(what, location), e);
    }
    throw new DogeException(refused(what, location));
  }

  private static String refused(String what, String location) {
    return what + " redirects to \"" + location + "\", no web address; check HF_ENDPOINT";
  }
}
