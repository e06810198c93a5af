package dev.smalldoge.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.ZstdOutputStream;
import com.jerolba.carpet.CarpetWriter;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.tokenizer.Message;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroup;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.io.LocalOutputFile;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class RowFilesTest {
  private static final Tokenizer TOKENIZER = TestTokenizers.bytes();
  @TempDir Path folder;

  record TextRow(String id, String text, Integer count) {}

  record Turn(String content, String role) {}

  record ChatRow(String source, List<Turn> messages) {}

  private Path parquet(List<TextRow> rows, CompressionCodecName codec) throws IOException {
    Path file = folder.resolve("a.parquet");
    try (CarpetWriter<TextRow> writer =
        new CarpetWriter.Builder<>(Files.newOutputStream(file), TextRow.class)
            .withCompressionCodec(codec)
            .withRowGroupSize(4_096L) // many row groups
            .withPageRowCountLimit(20)
            .build()) {
      writer.write(rows);
    }
    return file;
  }

  private static List<TextRow> rows(int count) {
    Random random = new Random(1);
    List<TextRow> rows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      rows.add(new TextRow("r" + i, "Größe " + i + "x".repeat(random.nextInt(200)), i));
    }
    return rows;
  }

  private static List<Row> read(Path file, Set<String> columns, long first) throws IOException {
    List<Row> rows = new ArrayList<>();
    try (RowReader reader = RowFiles.open(file, columns, first, 1 << 20)) {
      for (Row row = reader.next(); row != null; row = reader.next()) {
        rows.add(row);
      }
    }
    return rows;
  }

  @ParameterizedTest
  @EnumSource(
      value = CompressionCodecName.class,
      names = {"UNCOMPRESSED", "SNAPPY", "ZSTD", "GZIP"})
  void readsParquet(CompressionCodecName codec) throws IOException {
    List<TextRow> rows = rows(500);
    List<Row> read = read(parquet(rows, codec), Set.of("text"), 0);
    assertThat(read)
        .extracting(row -> row.values().get("text"))
        .isEqualTo(rows.stream().map(TextRow::text).toList());
    assertThat(read.get(7).values().keySet()).containsExactly("id", "text", "count");
    assertThat(read.get(7).number()).isEqualTo(7);
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 57, 250, 499, 500, 501})
  void beginsAtAnyRow(long first) throws IOException {
    Path parquet = parquet(rows(500), CompressionCodecName.ZSTD);
    List<Row> all = read(parquet, Set.of("text"), 0);
    int from = (int) Math.min(first, 500);
    assertThat(read(parquet, Set.of("text"), first)).isEqualTo(all.subList(from, 500));
  }

  @Test
  void readsListsOfMessages() throws IOException {
    Path file = folder.resolve("a.parquet");
    try (CarpetWriter<ChatRow> writer =
        new CarpetWriter<>(Files.newOutputStream(file), ChatRow.class)) {
      writer.write(
          List.of(
              new ChatRow("s", List.of(new Turn("q", "user"), new Turn("a", "assistant"))),
              new ChatRow("s", List.of(new Turn("b", "assistant")))));
    }
    assertThat(Corpus.file(file).conversations())
        .containsExactly(
            new Conversation(List.of(Message.user("q"), Message.assistant("a"))),
            new Conversation(List.of(Message.assistant("b"))));
  }

  @Test
  void readsTheOlderKindOfLists() throws IOException {
    MessageType schema =
        MessageTypeParser.parseMessageType(
            "message m { optional group messages (LIST) { repeated group array {"
                + " optional binary role (STRING); optional binary content (STRING); } } }");
    Group row = new SimpleGroup(schema);
    Group message = row.addGroup("messages").addGroup("array");
    message.add("role", "assistant");
    message.add("content", "a");
    assertThat(Corpus.file(write(schema, row)).conversations())
        .containsExactly(new Conversation(List.of(Message.assistant("a"))));
  }

  private Path write(MessageType schema, Group... rows) throws IOException {
    Path file = folder.resolve("b.parquet");
    try (ParquetWriter<Group> writer =
        ExampleParquetWriter.builder(new LocalOutputFile(file))
            .withType(schema)
            .withConf(new PlainParquetConfiguration())
            .build()) {
      for (Group row : rows) {
        writer.write(row);
      }
    }
    return file;
  }

  @Test
  void badValuesInParquetAreNamed() throws IOException {
    MessageType schema =
        MessageTypeParser.parseMessageType("message m { optional binary text (STRING); }");
    Group good = new SimpleGroup(schema);
    good.add("text", "good \uFFFD");
    Group bytes = new SimpleGroup(schema);
    bytes.add("text", Binary.fromConstantByteArray(new byte[] {'a', (byte) 0xC3}));
    Path file = write(schema, new SimpleGroup(schema), good, bytes, good);
    Tokens tokens = Corpus.file(file).skippingBadRows().tokenize(TOKENIZER);
    assertThat(tokens.documents()).isEqualTo(2);
    assertThat(tokens.badRows().first())
        .containsExactly(
            file + " row 0: column \"text\" is null", file + " row 2: its bytes are not UTF-8");
    assertThatThrownBy(() -> Corpus.file(file).withTextColumn("content").tokenize(TOKENIZER))
        .hasMessageContaining(file + " row 0: there is no \"content\" among its columns [text]");
  }

  @Test
  void aLongRowInParquetIsABadRow() throws IOException {
    Path file =
        parquet(List.of(new TextRow("a", "x".repeat(33 << 20), 1)), CompressionCodecName.ZSTD);
    assertThatThrownBy(() -> Corpus.file(file).tokenize(TOKENIZER))
        .hasMessageContaining(file + " row 0: it is longer than");
  }

  @Test
  void tornParquetIsRefused() throws IOException {
    Path file = parquet(rows(500), CompressionCodecName.SNAPPY);
    byte[] whole = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(whole, whole.length / 2));
    assertThatThrownBy(() -> Corpus.file(file).skippingBadRows().tokenize(TOKENIZER))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining(file + " is damaged after row 0");
    Files.write(file, new byte[3]);
    assertThatThrownBy(() -> Corpus.file(file).tokenize(TOKENIZER))
        .isInstanceOf(DogeException.class);
  }

  @Test
  void everyDamagedByteOfParquetGivesAnErrorOrTheSameRows() throws IOException {
    Path file = parquet(rows(40), CompressionCodecName.SNAPPY);
    byte[] whole = Files.readAllBytes(file);
    List<String> texts = rows(40).stream().map(TextRow::text).toList();
    Random random = new Random(3);
    int refused = 0;
    for (int i = 0; i < 200; i++) {
      byte[] damaged = whole.clone();
      damaged[random.nextInt(damaged.length)] ^= (byte) (1 << random.nextInt(8));
      Files.write(file, damaged);
      try {
        assertThat(Corpus.file(file).texts()).containsExactlyElementsOf(texts);
      } catch (DogeException e) {
        refused++;
      }
    }
    assertThat(refused)
        .isGreaterThan(50); // the others hit columns that are not read, or statistics
  }

  @Test
  void readsZstd() throws IOException {
    Path file = folder.resolve("a.jsonl.zst");
    try (OutputStream out = new ZstdOutputStream(Files.newOutputStream(file))) {
      out.write("{\"text\":\"one\"}\n{\"text\":\"two\"}\n".getBytes(StandardCharsets.UTF_8));
    }
    assertThat(Corpus.file(file).texts()).containsExactly("one", "two");
    byte[] whole = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(whole, whole.length - 5));
    assertThatThrownBy(() -> Corpus.file(file).texts().forEach(text -> {}))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("is damaged after row");
  }
}
