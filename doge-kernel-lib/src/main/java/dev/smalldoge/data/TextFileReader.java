package dev.smalldoge.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** A file that is one text: a single row with its name as {@code id} and its {@code text}. */
final class TextFileReader implements RowReader {
  private final Path file;
  private final int maxRowBytes;
  private boolean read;

  TextFileReader(Path file, long first, int maxRowBytes) {
    this.file = file;
    this.maxRowBytes = maxRowBytes;
    this.read = first > 0;
  }

  @Override
  public Row next() throws IOException {
    if (read) {
      return null;
    }
    read = true;
    long size = Files.size(file);
    if (size > maxRowBytes) {
      return Row.broken(file, 0, JsonlReader.tooLong(maxRowBytes));
    }
    try {
      String text =
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(ByteBuffer.wrap(Files.readAllBytes(file)))
              .toString();
      return Row.of(file, 0, Map.of("id", file.getFileName().toString(), "text", text));
    } catch (CharacterCodingException e) {
      return Row.broken(file, 0, Utf8.DEFECT);
    }
  }

  @Override
  public void close() {}
}
