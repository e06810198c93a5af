package dev.smalldoge.io;

import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import dev.smalldoge.config.DogeException;
import java.io.EOFException;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The header of one safetensors file, read and checked: 8 bytes of length (little-endian), that
 * much JSON, then the tensors' bytes without a gap.
 *
 * <p>Nothing of it is believed: every number is checked against the file before it is used. Source:
 * the format section of the safetensors README; as there, a header is at most 100 MB.
 */
record SafetensorsHeader(
    Path file, Map<String, TensorInfo> tensors, Map<String, String> metadata, long dataStart) {
  private static final long MAX_HEADER = 100_000_000;

  static SafetensorsHeader read(Path file, FileChannel channel) throws IOException {
    long size = channel.size();
    if (size < 8) {
      throw refuse(file, "has %d bytes, expected at least 8 for the header's length", size);
    }
    long length = bytes(channel, 0, 8).getLong();
    if (length < 2 || length > MAX_HEADER) {
      throw refuse(file, "says its header has %d bytes, expected 2 to %d", length, MAX_HEADER);
    }
    if (length > size - 8) {
      throw refuse(file, "says its header has %d bytes, found only %d after it", length, size - 8);
    }
    ByteBuffer header = bytes(channel, 8, (int) length);
    if (header.get(0) != '{') {
      throw refuse(file, "has a header that does not begin with '{'");
    }
    String json;
    try {
      json = StandardCharsets.UTF_8.newDecoder().decode(header).toString();
    } catch (CharacterCodingException e) {
      throw refuse(file, "has a header that is not UTF-8");
    }
    return new Parser(file, 8 + length, size).parse(json);
  }

  private static ByteBuffer bytes(FileChannel channel, long position, int length)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, position + buffer.position()) < 0) {
        throw new EOFException("the file became shorter while it was read");
      }
    }
    return buffer.flip();
  }

  private static DogeException refuse(Path file, String sentence, Object... arguments) {
    return new DogeException(
        file
            + " "
            + String.format(Locale.ROOT, sentence, arguments)
            + "; it is damaged or no safetensors file, fetch it again");
  }

  /** Reads the JSON once, front to back, and never keeps more than the tensors' entries. */
  private static final class Parser {
    private final Path file;
    private final long dataStart;
    private final long dataLength;
    private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();
    private final Map<String, String> metadata = new LinkedHashMap<>();

    Parser(Path file, long dataStart, long size) {
      this.file = file;
      this.dataStart = dataStart;
      this.dataLength = size - dataStart;
    }

    SafetensorsHeader parse(String json) {
      try (JsonReader reader = new JsonReader(new StringReader(json))) {
        reader.setStrictness(Strictness.STRICT);
        reader.beginObject();
        boolean seenMetadata = false;
        while (reader.hasNext()) {
          String name = reader.nextName();
          if (name.equals("__metadata__")) {
            if (seenMetadata) {
              throw refuse(file, "has two __metadata__ entries");
            }
            seenMetadata = true;
            readMetadata(reader);
          } else if (tensors.put(name, readTensor(reader, name)) != null) {
            throw refuse(file, "names tensor \"%s\" twice", name);
          }
        }
        reader.endObject();
        if (reader.peek() != JsonToken.END_DOCUMENT) { // strict reading fails by itself
          throw new IllegalStateException("more than one value");
        }
      } catch (IOException | JsonParseException | IllegalStateException | NumberFormatException e) {
        throw refuse(file, "has a header that is not the expected JSON (%s)", JsonFiles.place(e));
      }
      checkCover();
      return new SafetensorsHeader(file, tensors, metadata, dataStart);
    }

    private void readMetadata(JsonReader reader) throws IOException {
      reader.beginObject();
      while (reader.hasNext()) {
        String key = reader.nextName();
        if (reader.peek() != JsonToken.STRING) {
          throw refuse(file, "has a __metadata__ value for \"%s\" that is not text", key);
        }
        if (metadata.put(key, reader.nextString()) != null) {
          throw refuse(file, "has __metadata__ key \"%s\" twice", key);
        }
      }
      reader.endObject();
    }

    private TensorInfo readTensor(JsonReader reader, String name) throws IOException {
      String whose = file + ": tensor \"" + name + "\"";
      DType dtype = null;
      long[] shape = null;
      long[] offsets = null;
      reader.beginObject();
      while (reader.hasNext()) {
        String key = reader.nextName();
        boolean again =
            switch (key) {
              case "dtype" -> dtype != null;
              case "shape" -> shape != null;
              case "data_offsets" -> offsets != null;
              default -> throw refuse(file, "has an unknown key \"%s\" at \"%s\"", key, name);
            };
        if (again) {
          throw refuse(file, "says %s twice at tensor \"%s\"", key, name);
        }
        switch (key) {
          case "dtype" -> dtype = DType.of(reader.nextString(), whose);
          case "shape" -> shape = readLongs(reader, name, key);
          default -> offsets = readLongs(reader, name, key);
        }
      }
      reader.endObject();
      if (dtype == null || shape == null || offsets == null) {
        throw refuse(file, "lacks dtype, shape or data_offsets at tensor \"%s\"", name);
      }
      return checked(name, dtype, shape, offsets);
    }

    private long[] readLongs(JsonReader reader, String name, String key) throws IOException {
      List<Long> values = new ArrayList<>();
      reader.beginArray();
      while (reader.hasNext()) {
        String text = reader.peek() == JsonToken.NUMBER ? reader.nextString() : "";
        if (!text.matches("[0-9]{1,18}")) {
          throw refuse(
              file,
              "has %s of tensor \"%s\" with an entry that is not a whole number from 0 up (%s)",
              key,
              name,
              text.isEmpty() ? reader.peek() : text);
        }
        values.add(Long.parseLong(text));
      }
      reader.endArray();
      return values.stream().mapToLong(Long::longValue).toArray();
    }

    private TensorInfo checked(String name, DType dtype, long[] shape, long[] offsets) {
      String shown = Arrays.toString(offsets);
      if (offsets.length != 2 || offsets[0] > offsets[1]) {
        throw refuse(
            file, "has data_offsets %s at tensor \"%s\", expected [begin, end]", shown, name);
      }
      long need = dtype.bytes();
      for (long dimension : shape) {
        if (dimension != 0 && need > Long.MAX_VALUE / dimension) {
          throw refuse(
              file,
              "has shape %s at tensor \"%s\", more bytes than 64 bits count",
              Arrays.toString(shape),
              name);
        }
        need *= dimension;
      }
      if (need != offsets[1] - offsets[0]) {
        throw refuse(
            file,
            "has tensor \"%s\" of dtype %s and shape %s: expected %d bytes, found %d in"
                + " data_offsets %s",
            name,
            dtype,
            Arrays.toString(shape),
            need,
            offsets[1] - offsets[0],
            shown);
      }
      if (offsets[1] > dataLength) {
        throw refuse(
            file,
            "is cut short: tensor \"%s\" expects data up to byte %d, found %d",
            name,
            offsets[1],
            dataLength);
      }
      if (offsets[0] % dtype.bytes() != 0) {
        throw refuse(
            file,
            "has tensor \"%s\" of dtype %s at unaligned data offset %d, expected a multiple of %d",
            name,
            dtype,
            offsets[0],
            dtype.bytes());
      }
      return new TensorInfo(name, dtype, shape, need, file, dataStart + offsets[0]);
    }

    /** Every byte after the header belongs to exactly one tensor. */
    private void checkCover() {
      List<TensorInfo> sorted = new ArrayList<>(tensors.values());
      sorted.sort(
          Comparator.comparingLong(TensorInfo::position).thenComparing(TensorInfo::byteLength));
      long end = 0;
      String before = "the header";
      for (TensorInfo info : sorted) {
        long begin = info.position() - dataStart;
        if (begin < end) {
          throw refuse(
              file,
              "has tensor \"%s\" at data offset %d, overlapping \"%s\", which ends at %d",
              info.name(),
              begin,
              before,
              end);
        }
        if (begin > end) {
          throw refuse(
              file,
              "has tensor \"%s\" at data offset %d, expected %d, where \"%s\" ends",
              info.name(),
              begin,
              end,
              before);
        }
        end = begin + info.byteLength();
        before = info.name();
      }
      if (end != dataLength) {
        throw refuse(file, "has %d bytes of data, expected %d as its tensors say", dataLength, end);
      }
    }
  }
}
