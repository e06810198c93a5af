package dev.smalldoge.data;

import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** One JSON object a line, UTF-8; lines of white space alone are passed over. */
final class JsonlReader implements RowReader {
  private final Path file;
  private final InputStream in;
  private final Set<String> columns;
  private final int maxRowBytes;
  private final byte[] chunk = new byte[1 << 16];
  private int at;
  private int limit;
  private byte[] line = new byte[1 << 12];
  private int length;
  private boolean tooLong;
  private long number;

  JsonlReader(Path file, InputStream in, Set<String> columns, int maxRowBytes) {
    this.file = file;
    this.in = in;
    this.columns = columns;
    this.maxRowBytes = maxRowBytes;
  }

  static String tooLong(int maxRowBytes) {
    return String.format("it is longer than the %,d bytes that a row may have", maxRowBytes);
  }

  /** Passes over {@code rows} rows. */
  void skip(long rows) throws IOException {
    while (number < rows && readLine()) {
      number++;
    }
  }

  @Override
  public Row next() throws IOException {
    if (!readLine()) {
      return null;
    }
    long row = number++;
    if (tooLong) {
      return Row.broken(file, row, tooLong(maxRowBytes));
    }
    String text = new String(line, 0, length, StandardCharsets.UTF_8);
    if (Utf8.isBroken(text, ByteBuffer.wrap(line, 0, length))) {
      return Row.broken(file, row, Utf8.DEFECT);
    }
    try {
      return Row.of(file, row, parse(text));
    } catch (JsonParseException | IllegalStateException | IOException e) {
      return Row.broken(file, row, "it is not one JSON object");
    }
  }

  /** Fills {@link #line} with the next line that is not blank; false at the end. */
  private boolean readLine() throws IOException {
    boolean blank = true;
    length = 0;
    tooLong = false;
    while (true) {
      if (at == limit) {
        limit = fill();
        at = 0;
        if (limit < 0) {
          limit = 0;
          return !blank;
        }
      }
      int end = at;
      while (end < limit && chunk[end] != '\n') {
        blank &= chunk[end] == ' ' || chunk[end] == '\t' || chunk[end] == '\r';
        end++;
      }
      append(end - at);
      at = end;
      if (at < limit) {
        at++; // the line feed
        if (!blank) {
          return true;
        }
        length = 0;
      }
    }
  }

  private int fill() throws IOException {
    try {
      int count = in.read(chunk);
      while (count == 0) { // which a decompressor may say between frames
        count = in.read(chunk);
      }
      return count;
    } catch (EOFException e) {
      throw new IOException("it ends in the middle of its compressed bytes", e);
    }
  }

  private void append(int count) {
    if (tooLong || count > maxRowBytes - length) {
      tooLong = true;
      return;
    }
    if (length + count > line.length) {
      line = Arrays.copyOf(line, Math.max(length + count, Math.min(2 * line.length, maxRowBytes)));
    }
    System.arraycopy(chunk, at, line, length, count);
    length += count;
  }

  private Map<String, Object> parse(String text) throws IOException {
    try (JsonReader reader = new JsonReader(new StringReader(text))) {
      reader.setStrictness(Strictness.STRICT);
      Map<String, Object> values = new LinkedHashMap<>();
      reader.beginObject();
      while (reader.hasNext()) {
        String name = reader.nextName();
        if (columns.isEmpty() || columns.contains(name)) {
          values.put(name, value(reader));
        } else {
          reader.skipValue();
          values.put(name, Row.NOT_ASKED);
        }
      }
      reader.endObject();
      if (reader.peek() != JsonToken.END_DOCUMENT) {
        throw new IllegalStateException();
      }
      return values;
    }
  }

  private static Object value(JsonReader reader) throws IOException {
    switch (reader.peek()) {
      case BEGIN_OBJECT -> {
        Map<String, Object> members = new LinkedHashMap<>();
        reader.beginObject();
        while (reader.hasNext()) {
          members.put(reader.nextName(), value(reader));
        }
        reader.endObject();
        return members;
      }
      case BEGIN_ARRAY -> {
        List<Object> elements = new ArrayList<>();
        reader.beginArray();
        while (reader.hasNext()) {
          elements.add(value(reader));
        }
        reader.endArray();
        return elements;
      }
      case STRING -> {
        return reader.nextString();
      }
      case NUMBER -> {
        return Double.valueOf(reader.nextString());
      }
      case BOOLEAN -> {
        return reader.nextBoolean();
      }
      default -> {
        reader.nextNull();
        return null;
      }
    }
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
