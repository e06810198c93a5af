package dev.smalldoge.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.parquet.ParquetReadOptions;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.io.ColumnIOFactory;
import org.apache.parquet.io.LocalInputFile;
import org.apache.parquet.io.RecordReader;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;

/**
 * Rows of a parquet file: only the wanted columns are read, one row group at a time, and whole row
 * groups are passed over without reading.
 */
final class ParquetRowReader implements RowReader {
  private static final Set<CompressionCodecName> CODECS =
      EnumSet.of(
          CompressionCodecName.UNCOMPRESSED,
          CompressionCodecName.SNAPPY,
          CompressionCodecName.GZIP,
          CompressionCodecName.ZSTD);

  private static final String END = "PAR1";

  private final Path file;
  private final ParquetFileReader reader;
  private final MessageType schema;
  private final MessageType wanted;
  private final ParquetValues values;
  private final Map<String, Object> template = new LinkedHashMap<>();
  private RecordReader<Map<String, Object>> rows;
  private long left;
  private long number;

  ParquetRowReader(Path file, Set<String> columns, long first, int maxRowBytes) throws IOException {
    this.file = file;
    this.reader = open(file);
    try {
      requireKnownCompression();
      this.schema = reader.getFooter().getFileMetaData().getSchema();
      List<Type> fields =
          schema.getFields().stream()
              .filter(field -> columns.isEmpty() || columns.contains(field.getName()))
              .toList();
      schema.getFields().forEach(field -> template.put(field.getName(), Row.NOT_ASKED));
      fields.forEach(field -> template.put(field.getName(), null));
      this.wanted = new MessageType(schema.getName(), fields);
      this.values = new ParquetValues(wanted, template, maxRowBytes);
      reader.setRequestedSchema(wanted);
      pass(first);
    } catch (IOException e) {
      reader.close();
      throw e;
    } catch (RuntimeException e) {
      reader.close();
      throw damaged(e);
    }
  }

  private void requireKnownCompression() throws IOException {
    for (BlockMetaData group : reader.getRowGroups()) {
      for (ColumnChunkMetaData column : group.getColumns()) {
        if (!CODECS.contains(column.getCodec())) { // whose library we do not carry
          throw new IOException("compressed as " + column.getCodec() + ", we read " + CODECS);
        }
      }
    }
  }

  /** Tells a file that was cut from one that is damaged inside, which parquet's errors do not. */
  private static void requireEnd(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file)) {
      ByteBuffer end = ByteBuffer.allocate(4);
      if (channel.size() >= END.length()) {
        channel.read(end, channel.size() - END.length());
      }
      if (!END.equals(new String(end.array(), StandardCharsets.US_ASCII))) {
        throw new IOException("it does not end as a parquet file does, so it was cut or is none");
      }
    }
  }

  private static ParquetFileReader open(Path file) throws IOException {
    requireEnd(file);
    ParquetReadOptions options =
        new ParquetReadOptions.Builder(new PlainParquetConfiguration())
            .usePageChecksumVerification(true) // where the writer left checksums
            .build();
    try {
      return ParquetFileReader.open(new LocalInputFile(file), options);
    } catch (RuntimeException e) {
      throw damaged(e);
    }
  }

  /** Moves to row {@code first}. */
  private void pass(long first) throws IOException {
    int group = 0;
    List<?> groups = reader.getRowGroups();
    while (group < groups.size()
        && number + reader.getRowGroups().get(group).getRowCount() <= first) {
      number += reader.getRowGroups().get(group++).getRowCount();
      reader.skipNextRowGroup();
    }
    while (number < first && next() != null) {
      // rows of the group that holds the first one
    }
  }

  @Override
  public Row next() throws IOException {
    try {
      while (left == 0) {
        PageReadStore group = reader.readNextRowGroup();
        if (group == null) {
          return null;
        }
        left = group.getRowCount();
        rows = new ColumnIOFactory().getColumnIO(wanted, schema).getRecordReader(group, values);
      }
      left--;
      Map<String, Object> row = wanted.getFieldCount() == 0 ? template : rows.read();
      long place = number++;
      String defect = wanted.getFieldCount() == 0 ? null : values.defect();
      return defect == null ? Row.of(file, place, row) : Row.broken(file, place, defect);
    } catch (RuntimeException e) { // what parquet throws at torn pages, of many kinds
      throw damaged(e);
    }
  }

  private static IOException damaged(RuntimeException e) {
    Throwable cause = e;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    String message = String.valueOf(cause.getMessage()).lines().findFirst().orElse("");
    return new IOException(message.isBlank() ? cause.getClass().getSimpleName() : message, e);
  }

  @Override
  public void close() throws IOException {
    reader.close();
  }
}
