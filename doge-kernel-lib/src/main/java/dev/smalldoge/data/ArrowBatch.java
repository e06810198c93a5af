package dev.smalldoge.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.FixedSizeList;
import org.apache.arrow.flatbuf.FloatingPoint;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Type;

/** The columns of one Arrow record batch, as plain values. */
final class ArrowBatch {
  private final RecordBatch header;
  private final ByteBuffer body;
  private final int maxRowBytes;
  private final List<Values> columns = new ArrayList<>();
  private int nodes;
  private int buffers;
  private long rowBytes;
  private String defect;

  /** The values of one column. */
  @FunctionalInterface
  private interface Values {
    Object get(int index);
  }

  ArrowBatch(RecordBatch header, ByteBuffer body, int maxRowBytes) throws IOException {
    if (header.compression() != null) {
      throw new IOException("its batches are compressed, which we do not read");
    }
    this.header = header;
    this.body = body;
    this.maxRowBytes = maxRowBytes;
  }

  /** Adds the next column of the schema; all must be added in order. */
  void add(Field field, boolean wanted) throws IOException {
    Values values = column(field, wanted);
    columns.add(wanted ? values : null);
  }

  int rows() {
    return Math.toIntExact(header.length());
  }

  boolean isWanted(int column) {
    return columns.get(column) != null;
  }

  /** Begins another row. */
  void begin() {
    rowBytes = 0;
    defect = null;
  }

  /** Why the row begun last cannot be used; null where it can. */
  String defect() {
    return defect;
  }

  Object value(int column, int row) {
    return columns.get(column).get(row);
  }

  private Values column(Field field, boolean wanted) throws IOException {
    if (field.dictionary() != null) {
      throw new IOException("column \"" + field.name() + "\" is a dictionary");
    }
    FieldNode node = header.nodes(nodes++);
    if (field.typeType() == Type.Null) {
      return index -> null;
    }
    ByteBuffer validity = buffer();
    Values values = values(field, wanted);
    if (node.nullCount() == 0 || validity.capacity() == 0) {
      return values;
    }
    return index -> (validity.get(index >> 3) >> (index & 7) & 1) == 0 ? null : values.get(index);
  }

  private Values values(Field field, boolean wanted) throws IOException {
    switch (field.typeType()) {
      case Type.Utf8, Type.Binary -> {
        ByteBuffer offsets = buffer();
        ByteBuffer data = buffer();
        return i -> text(data, offsets.getInt(4 * i), offsets.getInt(4 * i + 4));
      }
      case Type.LargeUtf8, Type.LargeBinary -> {
        ByteBuffer offsets = buffer();
        ByteBuffer data = buffer();
        return i -> text(data, offsets.getLong(8 * i), offsets.getLong(8 * i + 8));
      }
      case Type.List, Type.Map -> {
        ByteBuffer offsets = buffer();
        Values inner = column(field.children(0), wanted);
        return i -> list(inner, offsets.getInt(4 * i), offsets.getInt(4 * i + 4));
      }
      case Type.LargeList -> {
        ByteBuffer offsets = buffer();
        Values inner = column(field.children(0), wanted);
        return i -> list(inner, offsets.getLong(8 * i), offsets.getLong(8 * i + 8));
      }
      case Type.FixedSizeList -> {
        int size = ((FixedSizeList) field.type(new FixedSizeList())).listSize();
        Values inner = column(field.children(0), wanted);
        return i -> list(inner, (long) size * i, (long) size * (i + 1));
      }
      case Type.Struct_ -> {
        Map<String, Values> members = new LinkedHashMap<>();
        for (int i = 0; i < field.childrenLength(); i++) {
          members.put(field.children(i).name(), column(field.children(i), wanted));
        }
        return i -> {
          Map<String, Object> map = new LinkedHashMap<>();
          members.forEach((name, values) -> map.put(name, values.get(i)));
          return map;
        };
      }
      case Type.Bool -> {
        ByteBuffer bits = buffer();
        return i -> (bits.get(i >> 3) >> (i & 7) & 1) != 0;
      }
      case Type.Int -> {
        return whole((Int) field.type(new Int()), buffer());
      }
      case Type.FloatingPoint -> {
        int precision = ((FloatingPoint) field.type(new FloatingPoint())).precision();
        ByteBuffer data = buffer();
        return switch (precision) {
          case 1 -> i -> (double) data.getFloat(4 * i);
          case 2 -> i -> data.getDouble(8 * i);
          default -> unread(field, wanted);
        };
      }
      case Type.Timestamp,
          Type.Date,
          Type.Time,
          Type.Duration,
          Type.Decimal,
          Type.FixedSizeBinary -> {
        buffer();
        return unread(field, wanted);
      }
      default -> throw new IOException(unknown(field)); // how many buffers it has is not known
    }
  }

  private static Values unread(Field field, boolean wanted) throws IOException {
    if (wanted) {
      throw new IOException(unknown(field));
    }
    return index -> null;
  }

  private static String unknown(Field field) {
    return String.format(
        "column \"%s\" is of Arrow type %s, which we do not read",
        field.name(), Type.name(field.typeType()));
  }

  private static Values whole(Int type, ByteBuffer data) throws IOException {
    boolean signed = type.isSigned();
    return switch (type.bitWidth()) {
      case 8 -> i -> (long) (signed ? data.get(i) : Byte.toUnsignedInt(data.get(i)));
      case 16 ->
          i -> (long) (signed ? data.getShort(2 * i) : Short.toUnsignedInt(data.getShort(2 * i)));
      case 32 -> i -> signed ? data.getInt(4 * i) : Integer.toUnsignedLong(data.getInt(4 * i));
      case 64 -> i -> data.getLong(8 * i);
      default -> throw new IOException("whole numbers of " + type.bitWidth() + " bits");
    };
  }

  private ByteBuffer buffer() {
    Buffer buffer = header.buffers(buffers++);
    return body.slice(Math.toIntExact(buffer.offset()), Math.toIntExact(buffer.length()))
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  private String text(ByteBuffer data, long from, long to) {
    rowBytes += to - from;
    if (rowBytes > maxRowBytes) {
      defect = JsonlReader.tooLong(maxRowBytes);
      return null;
    }
    ByteBuffer bytes = data.slice(Math.toIntExact(from), Math.toIntExact(to - from));
    byte[] copy = new byte[bytes.capacity()];
    bytes.get(0, copy);
    String text = new String(copy, StandardCharsets.UTF_8);
    if (Utf8.isBroken(text, bytes)) {
      defect = Utf8.DEFECT;
    }
    return text;
  }

  private List<Object> list(Values inner, long from, long to) {
    if ((to - from) * 8 > maxRowBytes) {
      defect = JsonlReader.tooLong(maxRowBytes);
      return null;
    }
    List<Object> elements = new ArrayList<>(Math.toIntExact(to - from));
    for (long i = from; i < to; i++) {
      elements.add(inner.get(Math.toIntExact(i)));
    }
    return elements;
  }
}
