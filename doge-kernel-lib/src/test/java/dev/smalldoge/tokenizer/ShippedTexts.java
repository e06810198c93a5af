package dev.smalldoge.tokenizer;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/** The texts of {@code datasets/shipped}. */
final class ShippedTexts {
  private ShippedTexts() {}

  /** The folder, found from the working directory upwards. */
  static Path folder() {
    for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
      if (Files.isDirectory(at.resolve("datasets/shipped"))) {
        return at.resolve("datasets/shipped");
      }
    }
    throw new IllegalStateException("no folder datasets/shipped above the working directory");
  }

  /** All texts of rows with a {@code text}, in the order of files and rows. */
  static List<String> all() {
    return Stream.of("metamath", "python-stdlib", "state-of-the-union")
        .flatMap(name -> read(folder().resolve(name + ".jsonl.gz")).stream())
        .toList();
  }

  private static List<String> read(Path file) {
    Gson gson = new Gson();
    try (BufferedReader reader =
        new BufferedReader(
            new InputStreamReader(
                new GZIPInputStream(Files.newInputStream(file)), StandardCharsets.UTF_8))) {
      return reader
          .lines()
          .map(line -> gson.fromJson(line, JsonObject.class).get("text").getAsString())
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
