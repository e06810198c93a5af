package dev.smalldoge.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.tokenizer.Message;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ArrowFolderTest {
  @TempDir Path folder;

  private static List<String> texts(int count) {
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      texts.add("Größe " + i + " 😀".repeat(i % 3));
    }
    return texts;
  }

  private static List<Row> read(Path file, long first) throws IOException {
    List<Row> rows = new ArrayList<>();
    try (RowReader reader = RowFiles.open(file, Set.of("text"), first, 1 << 20)) {
      for (Row row = reader.next(); row != null; row = reader.next()) {
        rows.add(row);
      }
    }
    return rows;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 999, 1_000, 1_001, 2_500})
  void textsComeBack(int count) {
    ArrowFolder.writeTexts(folder.resolve("a"), texts(count));
    assertThat(Corpus.folder(folder.resolve("a")).texts()).containsExactlyElementsOf(texts(count));
  }

  @Test
  void conversationsAndPreferencesComeBack() {
    List<Conversation> conversations =
        List.of(
            new Conversation(List.of(Message.user("q"), Message.assistant("a"))),
            new Conversation(List.of(Message.system(""), Message.user("ü"))));
    ArrowFolder.writeConversations(folder.resolve("sft"), conversations);
    assertThat(Corpus.folder(folder.resolve("sft")).conversations())
        .containsExactlyElementsOf(conversations);
    List<PreferencePair> pairs =
        List.of(
            new PreferencePair(
                List.of(Message.user("p"), Message.assistant("x"), Message.user("y")),
                Message.assistant("c"),
                Message.assistant("r")));
    ArrowFolder.writePreferences(folder.resolve("dpo"), pairs);
    assertThat(Corpus.folder(folder.resolve("dpo")).preferences()).containsExactlyElementsOf(pairs);
  }

  @Test
  void tokensAreInputIdsAndAttentionMask() throws IOException {
    Path text =
        Files.writeString(folder.resolve("a.jsonl"), "{\"text\":\"sea\"}\n{\"text\":\"a\"}");
    Tokens tokens = Corpus.file(text).tokenize(TestTokenizers.bytes());
    ArrowFolder.writeTokens(folder.resolve("pt"), tokens);
    Path file = folder.resolve("pt/data-00000-of-00001.arrow");
    try (RowReader reader = RowFiles.open(file, Set.of(), 0, 1 << 20)) {
      for (int i = 0; i < 2; i++) {
        Row row = reader.next();
        List<Long> ids =
            Arrays.stream(tokens.file().document(i)).mapToObj(id -> (long) id).toList();
        assertThat(row.values().get("input_ids")).isEqualTo(ids);
        assertThat(row.values().get("attention_mask"))
            .isEqualTo(java.util.Collections.nCopies(ids.size(), 1L));
      }
      assertThat(reader.next()).isNull();
    }
  }

  @Test
  void ofSeveralSplitsTrainIsRead() throws IOException {
    ArrowFolder.writeTexts(folder.resolve("d/train"), List.of("one"));
    ArrowFolder.writeTexts(folder.resolve("d/test"), List.of("two"));
    Files.writeString(folder.resolve("d/dataset_dict.json"), "{\"splits\": [\"test\", \"train\"]}");
    assertThat(Corpus.folder(folder.resolve("d")).texts()).containsExactly("one");
    assertThat(Corpus.folder(folder.resolve("d/test")).texts()).containsExactly("two");
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 1_000, 1_999, 2_499, 2_500, 9_999})
  void beginsAtAnyRow(long first) throws IOException {
    ArrowFolder.writeTexts(folder.resolve("a"), texts(2_500));
    Path file = folder.resolve("a/data-00000-of-00001.arrow");
    int from = (int) Math.min(2_500, first);
    assertThat(read(file, first)).isEqualTo(read(file, 0).subList(from, 2_500));
  }

  /** {"text": ["a", None, "ü"], "n": [1, 2, None], "l": [[True], [], None]}. */
  @Test
  void readsWhatAnotherWriterWrote() throws IOException {
    Path file = folder.resolve("a.arrow");
    Files.write(file, Base64.getMimeDecoder().decode(ANOTHER_WRITERS));
    List<Row> rows = new ArrayList<>();
    try (RowReader reader = RowFiles.open(file, Set.of(), 0, 1 << 20)) {
      for (Row row = reader.next(); row != null; row = reader.next()) {
        rows.add(row);
      }
    }
    assertThat(rows).extracting(row -> row.values().get("text")).containsExactly("a", null, "ü");
    assertThat(rows).extracting(row -> row.values().get("n")).containsExactly(1L, 2L, null);
    assertThat(rows)
        .extracting(row -> row.values().get("l"))
        .containsExactly(List.of(true), List.of(), null);
  }

  @Test
  void damagedStreamsAreRefusedOrGiveRows() throws IOException {
    ArrowFolder.writeTexts(folder.resolve("a"), texts(20));
    Path file = folder.resolve("a/data-00000-of-00001.arrow");
    byte[] whole = Files.readAllBytes(file);
    for (int length = 1; length < whole.length - 8; length += 7) {
      Files.write(file, Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> read(file, 0))
          .as("%d bytes", length)
          .isInstanceOf(IOException.class);
    }
    Random random = new Random(2);
    for (int i = 0; i < 500; i++) {
      byte[] damaged = whole.clone();
      damaged[random.nextInt(damaged.length)] ^= (byte) (1 << random.nextInt(8));
      Files.write(file, damaged);
      try {
        Corpus.file(file).skippingBadRows().texts().forEach(text -> {});
      } catch (DogeException e) {
        assertThat(e).hasMessageContaining(file.toString());
      }
    }
  }

  @Test
  void anExistingFolderIsKept() {
    ArrowFolder.writeTexts(folder.resolve("a"), List.of("one"));
    assertThatThrownBy(() -> ArrowFolder.writeTexts(folder.resolve("a"), List.of("two")))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("already holds a data set");
    assertThatThrownBy(() -> ArrowFolder.writeTexts(folder.resolve("b"), List.of()))
        .hasMessageContaining("no rows");
  }

  /** Of apache-arrow for JavaScript: tableToIPC(new Table({text, n, l}), "stream"). */
  private static final String ANOTHER_WRITERS =
      "/////xABAAAQAAAAAAAKABAADgAHAAgACgAAAAAAAAEQAAAAAAAEAAgACAAAAAQACAAAAAQAAAADAAAA"
          + "rAAAAGAAAAAEAAAAcP///xQAAAAAAAABFAAAAAAAAAxAAAAAAQAAAGwAAAABAAAABAAAAJj///8UAAAA"
          + "AAAAARgAAAAAAAAGFAAAAAQAAABpdGVtAAAAAAAAAACI////jP///8j///8UAAAAAAAAARQAAAAAAAAC"
          + "GAAAAAEAAABuAAAAAAAAAAgADAAIAAcACAAAAAAAAAEgAAAAEAAYAAQACwATABQAAAAMABAAAAAUAAAA"
          + "AAAAARgAAAAAAAAFGAAAAAQAAAB0ZXh0AAAAAAAAAAAEAAQABAAAAP////8oAQAAFAAAAAAAAAAMABYA"
          + "FAAPABAABAAMAAAAOAEAAAAAAAAAAAADEAAAAAQACgAYAAwACAAEAAoAAAAUAAAAqAAAAAMAAAAAAAAA"
          + "AAAAAAkAAAAAAAAAAAAAAEAAAAAAAAAAQAAAAAAAAAAQAAAAAAAAAFAAAAAAAAAACAAAAAAAAABYAAAA"
          + "AAAAAEAAAAAAAAAAmAAAAAAAAAAQAAAAAAAAAKgAAAAAAAAAQAAAAAAAAADoAAAAAAAAABAAAAAAAAAA"
          + "+AAAAAAAAAAAAAAAAAAAAPgAAAAAAAAAQAAAAAAAAAAAAAAABAAAAAMAAAAAAAAAAQAAAAAAAAADAAAA"
          + "AAAAAAEAAAAAAAAAAwAAAAAAAAABAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAFAAAAAAAAAAAAAAAAAAAA"
          + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAAABAAAA"
          + "AwAAAGHDvAAAAAAAAwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
          + "AAAAAAAAAAAAAAAAAAAAAAEAAAACAAAAAAAAAAAAAAADAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
          + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAAABAAAAAQAAAAEAAAAAAAAA"
          + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD/////"
          + "AAAAAA==";
}
