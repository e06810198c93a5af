package dev.smalldoge.data;

import com.google.flatbuffers.FlatBufferBuilder;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;

/**
 * Writes an Arrow IPC stream as the Python library {@code datasets} does: nullable columns without
 * nulls, batches of 1,000 rows, no dictionaries, no compression.
 */
final class ArrowWriter {
  static final int BATCH = 1_000;
  private static final int ALIGNMENT = 8;
  private final OutputStream out;
  private final Map<String, ArrowColumn> columns;
  private int rows;
  private long written;

  /** Begins a stream of {@code columns}, which are emptied again and again. */
  ArrowWriter(OutputStream out, Map<String, ArrowColumn> columns) throws IOException {
    this.out = out;
    this.columns = columns;
    FlatBufferBuilder builder = new FlatBufferBuilder();
    int[] fields = new int[columns.size()];
    int i = 0;
    for (Map.Entry<String, ArrowColumn> column : columns.entrySet()) {
      fields[i++] = column.getValue().field(builder, column.getKey());
    }
    int vector = Schema.createFieldsVector(builder, fields);
    int schema = Schema.createSchema(builder, (short) 0, vector, 0, 0);
    message(builder, MessageHeader.Schema, schema, 0);
  }

  /** Ends a row, whose values were added to every column. */
  void row() throws IOException {
    rows++;
    if (rows == BATCH) {
      flush();
    }
  }

  /** Bytes so far, without the batch under way. */
  long written() {
    return written;
  }

  private void flush() throws IOException {
    List<long[]> nodes = new ArrayList<>();
    List<ByteBuffer> buffers = new ArrayList<>();
    columns.values().forEach(column -> column.drain(nodes, buffers));
    FlatBufferBuilder builder = new FlatBufferBuilder();
    RecordBatch.startNodesVector(builder, nodes.size());
    for (int i = nodes.size() - 1; i >= 0; i--) {
      FieldNode.createFieldNode(builder, nodes.get(i)[0], 0);
    }
    int nodeVector = builder.endVector();
    long[] offsets = new long[buffers.size() + 1];
    for (int i = 0; i < buffers.size(); i++) {
      offsets[i + 1] = offsets[i] + padded(buffers.get(i).remaining());
    }
    RecordBatch.startBuffersVector(builder, buffers.size());
    for (int i = buffers.size() - 1; i >= 0; i--) {
      Buffer.createBuffer(builder, offsets[i], buffers.get(i).remaining());
    }
    int bufferVector = builder.endVector();
    int batch = RecordBatch.createRecordBatch(builder, rows, nodeVector, bufferVector, 0, 0);
    message(builder, MessageHeader.RecordBatch, batch, offsets[buffers.size()]);
    for (ByteBuffer buffer : buffers) {
      byte[] bytes = new byte[buffer.remaining()];
      buffer.get(bytes);
      write(bytes, bytes.length, (int) padded(bytes.length) - bytes.length);
    }
    rows = 0;
  }

  /** Writes the last batch and the mark of the end. */
  void finish() throws IOException {
    if (rows > 0) {
      flush();
    }
    byte[] end = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putInt(-1).array();
    write(end, end.length, 0);
  }

  private void message(FlatBufferBuilder builder, byte type, int header, long bodyLength)
      throws IOException {
    builder.finish(Message.createMessage(builder, MetadataVersion.V5, type, header, bodyLength, 0));
    byte[] metadata = builder.sizedByteArray();
    int length = (int) padded(metadata.length);
    byte[] prefix =
        ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putInt(-1).putInt(length).array();
    write(prefix, prefix.length, 0);
    write(metadata, metadata.length, length - metadata.length);
  }

  private void write(byte[] bytes, int length, int padding) throws IOException {
    out.write(bytes, 0, length);
    out.write(new byte[padding]);
    written += length + padding;
  }

  private static long padded(long length) {
    return (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** One field of a schema. */
  static int field(FlatBufferBuilder builder, String name, byte type, int table, int... children) {
    int nameOffset = builder.createString(name);
    int vector = Field.createChildrenVector(builder, children);
    return Field.createField(builder, nameOffset, true, type, table, 0, vector, 0);
  }
}
