package dev.smalldoge.data;

import com.google.flatbuffers.FlatBufferBuilder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.Struct_;
import org.apache.arrow.flatbuf.Type;

/** The values of a column while a batch grows; none is null. */
abstract class ArrowColumn {
  private int size;

  /** How many values there are. */
  final int size() {
    return size;
  }

  /** Counts one value more. */
  final void added() {
    size++;
  }

  /** Says what the column is. */
  abstract int field(FlatBufferBuilder builder, String name);

  /** Hands out what there is, in the order of the format, and begins anew. */
  final void drain(List<long[]> nodes, List<ByteBuffer> buffers) {
    nodes.add(new long[] {size});
    buffers.add(ByteBuffer.allocate(0)); // no nulls, so no validity
    drainValues(nodes, buffers);
    size = 0;
  }

  abstract void drainValues(List<long[]> nodes, List<ByteBuffer> buffers);

  /** Little-endian bytes that grow. */
  private static final class Growing {
    private ByteBuffer bytes = allocate(1 << 12);

    private static ByteBuffer allocate(int size) {
      return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    ByteBuffer room(int length) {
      if (bytes.remaining() < length) {
        int size = Math.max(Math.addExact(bytes.position(), length), 2 * bytes.capacity());
        bytes = allocate(size).put(bytes.flip());
      }
      return bytes;
    }

    ByteBuffer take() {
      ByteBuffer taken = bytes.flip();
      bytes = allocate(1 << 12);
      return taken;
    }
  }

  /** UTF-8 text. */
  static final class Text extends ArrowColumn {
    private final Growing offsets = new Growing();
    private final Growing data = new Growing();

    void add(String text) {
      if (size() == 0) {
        offsets.room(4).putInt(0);
      }
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      data.room(bytes.length).put(bytes);
      offsets.room(4).putInt(data.bytes.position());
      added();
    }

    @Override
    int field(FlatBufferBuilder builder, String name) {
      org.apache.arrow.flatbuf.Utf8.startUtf8(builder);
      return ArrowWriter.field(
          builder, name, Type.Utf8, org.apache.arrow.flatbuf.Utf8.endUtf8(builder));
    }

    @Override
    void drainValues(List<long[]> nodes, List<ByteBuffer> buffers) {
      buffers.add(offsets.take());
      buffers.add(data.take());
    }
  }

  /** Whole numbers of 8 or 32 bits. */
  static final class Whole extends ArrowColumn {
    private final int bits;
    private final Growing data = new Growing();

    Whole(int bits) {
      this.bits = bits;
    }

    void add(int value) {
      if (bits == 8) {
        data.room(1).put((byte) value);
      } else {
        data.room(4).putInt(value);
      }
      added();
    }

    @Override
    int field(FlatBufferBuilder builder, String name) {
      return ArrowWriter.field(builder, name, Type.Int, Int.createInt(builder, bits, true));
    }

    @Override
    void drainValues(List<long[]> nodes, List<ByteBuffer> buffers) {
      buffers.add(data.take());
    }
  }

  /** Objects of role and content. */
  static final class Messages extends ArrowColumn {
    private final Text content = new Text();
    private final Text role = new Text();

    void add(String theRole, String theContent) {
      content.add(theContent);
      role.add(theRole);
      added();
    }

    @Override
    int field(FlatBufferBuilder builder, String name) {
      int contentField = content.field(builder, "content");
      int roleField = role.field(builder, "role");
      Struct_.startStruct_(builder);
      int table = Struct_.endStruct_(builder);
      return ArrowWriter.field(builder, name, Type.Struct_, table, contentField, roleField);
    }

    @Override
    void drainValues(List<long[]> nodes, List<ByteBuffer> buffers) {
      content.drain(nodes, buffers);
      role.drain(nodes, buffers);
    }
  }

  /** Lists of another column's values: add those first, then end the list. */
  static final class Lists extends ArrowColumn {
    private final ArrowColumn inner;
    private final Growing offsets = new Growing();

    Lists(ArrowColumn inner) {
      this.inner = inner;
    }

    void end() {
      if (size() == 0) {
        offsets.room(4).putInt(0);
      }
      offsets.room(4).putInt(inner.size());
      added();
    }

    @Override
    int field(FlatBufferBuilder builder, String name) {
      int item = inner.field(builder, "item");
      org.apache.arrow.flatbuf.List.startList(builder);
      int table = org.apache.arrow.flatbuf.List.endList(builder);
      return ArrowWriter.field(builder, name, Type.List, table, item);
    }

    @Override
    void drainValues(List<long[]> nodes, List<ByteBuffer> buffers) {
      buffers.add(offsets.take());
      inner.drain(nodes, buffers);
    }
  }
}
