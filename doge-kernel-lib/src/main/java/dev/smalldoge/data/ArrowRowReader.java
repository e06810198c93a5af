package dev.smalldoge.data;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;

/**
 * Rows of an Arrow IPC stream, as the Python library {@code datasets} saves them; one record batch
 * is mapped at a time, and batches before the first row are passed over.
 *
 * <p>Ours rather than Arrow's own reader, because that one needs {@code
 * --add-opens=java.base/java.nio=ALL-UNNAMED} on every JVM that runs a notebook. The metadata are
 * read with the classes that Arrow generates from its format.
 *
 * <p>Source: "Encapsulated message format" of the Arrow columnar format, version 1.5.
 */
final class ArrowRowReader implements RowReader {
  private static final int CONTINUATION = -1;
  private static final long FILE_MAGIC = 0x0000_3157_4F52_5241L; // "ARROW1" and two zeros
  private final Path file;
  private final FileChannel channel;
  private final Set<String> columns;
  private final int maxRowBytes;
  private Schema schema;
  private long position;
  private ArrowBatch batch;
  private int inBatch;
  private boolean ended;
  private long number;

  ArrowRowReader(Path file, Set<String> columns, long first, int maxRowBytes) throws IOException {
    this.file = file;
    this.columns = columns;
    this.maxRowBytes = maxRowBytes;
    this.channel = FileChannel.open(file);
    try {
      if (channel.size() >= 8 && read(8).getLong() != FILE_MAGIC) {
        position = 0;
      }
      pass(first);
    } catch (IOException e) {
      channel.close();
      throw e;
    } catch (RuntimeException e) {
      channel.close();
      throw new IOException("its metadata make no sense: " + e.getMessage(), e);
    }
  }

  /** Moves to row {@code first}. */
  private void pass(long first) throws IOException {
    if (first > 0 && readBatch(first)) {
      inBatch = Math.toIntExact(first - number);
      number = first;
    }
  }

  @Override
  public Row next() throws IOException {
    try {
      while (batch == null || inBatch == batch.rows()) {
        if (!readBatch(0)) {
          return null;
        }
      }
      return row(inBatch++);
    } catch (RuntimeException e) { // flatbuffers checks nothing, so damage shows in many ways
      throw new IOException("its metadata make no sense: " + e.getMessage(), e);
    }
  }

  private Row row(int index) {
    Map<String, Object> values = new LinkedHashMap<>();
    batch.begin();
    for (int i = 0; i < schema.fieldsLength(); i++) {
      String name = schema.fields(i).name();
      values.put(name, batch.isWanted(i) ? batch.value(i, index) : Row.NOT_ASKED);
    }
    long place = number++;
    return batch.defect() == null
        ? Row.of(file, place, values)
        : Row.broken(file, place, batch.defect());
  }

  /** Reads up to the next batch that has row {@code first} or later ones; false at the end. */
  private boolean readBatch(long first) throws IOException {
    while (true) {
      Message message = message();
      if (message == null) {
        return false;
      }
      long body = position;
      if (message.bodyLength() < 0 || message.bodyLength() > channel.size() - body) {
        throw new EOFException("it ends in the middle of a batch");
      }
      position += message.bodyLength();
      switch (message.headerType()) {
        case MessageHeader.Schema -> schema = (Schema) message.header(new Schema());
        case MessageHeader.RecordBatch -> {
          RecordBatch header = (RecordBatch) message.header(new RecordBatch());
          if (schema == null) {
            throw new IOException("a batch comes before the schema");
          }
          if (number + header.length() > first) {
            batch = batch(header, body, message.bodyLength());
            inBatch = 0;
            return true;
          }
          number += header.length();
        }
        default -> throw new IOException("it has dictionaries, which we do not read");
      }
    }
  }

  private ArrowBatch batch(RecordBatch header, long body, long length) throws IOException {
    if (length > Integer.MAX_VALUE) {
      throw new IOException("a batch of " + length + " bytes is longer than 2 GiB");
    }
    ByteBuffer bytes = channel.map(FileChannel.MapMode.READ_ONLY, body, length);
    ArrowBatch made = new ArrowBatch(header, bytes.order(ByteOrder.LITTLE_ENDIAN), maxRowBytes);
    for (int i = 0; i < schema.fieldsLength(); i++) {
      Field field = schema.fields(i);
      made.add(field, columns.isEmpty() || columns.contains(field.name()));
    }
    return made;
  }

  /** The next message's metadata, or null at the end. */
  private Message message() throws IOException {
    if (ended) {
      return null;
    }
    if (position == channel.size()) {
      throw new EOFException("it has no mark of its end, so rows may be missing");
    }
    int length = read(4).getInt();
    if (length == CONTINUATION) {
      length = read(4).getInt();
    }
    if (length == 0) {
      ended = true;
      return null;
    }
    if (length < 0) {
      throw new IOException("it is no Arrow stream");
    }
    return Message.getRootAsMessage(read(length));
  }

  private ByteBuffer read(int length) throws IOException {
    if (length > channel.size() - position) {
      throw new EOFException("it ends in the middle of a message, or is no Arrow stream");
    }
    ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining() && channel.read(bytes, position + bytes.position()) >= 0) {
      // a read may stop early
    }
    position += length;
    return bytes.flip();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
