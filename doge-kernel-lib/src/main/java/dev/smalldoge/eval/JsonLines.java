package dev.smalldoge.eval;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.smalldoge.config.DogeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Rows of a JSON-lines file. */
final class JsonLines {
  private JsonLines() {}

  static <T> List<T> read(Path file, Function<JsonObject, T> layout) {
    check(Files.isRegularFile(file), "%s is no file; give JSON lines, one question a line", file);
    List<T> rows = new ArrayList<>();
    try {
      int number = 0;
      for (String line : Files.readAllLines(file)) {
        number++;
        if (!line.isBlank()) {
          rows.add(row(file, number, line, layout));
        }
      }
    } catch (IOException e) {
      throw new DogeException(file + " cannot be read: " + e + "; give UTF-8 JSON lines", e);
    }
    check(!rows.isEmpty(), "%s holds no rows; give one JSON object a line", file);
    return rows;
  }

  private static <T> T row(Path file, int number, String line, Function<JsonObject, T> layout) {
    try {
      return layout.apply(JsonParser.parseString(line).getAsJsonObject());
    } catch (DogeException e) {
      throw new DogeException("line " + number + " of " + file + ": " + e.getMessage(), e);
    } catch (JsonParseException | IllegalStateException | ClassCastException e) {
      throw new DogeException(
          "line " + number + " of " + file + " is no row of this layout: " + e.getMessage(), e);
    }
  }
}
