package dev.smalldoge.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The real Doge tokenizer of 32768 ids. */
@Tag("shared")
class RealTokenizerTest {
  static final Path FOLDER = SharedFolder.path("doge-tokenizer");
  private final Tokenizer tokenizer = Tokenizer.load(FOLDER);

  @Test
  void tellsItsSizeAndSpecialIds() {
    assertThat(tokenizer.vocabSize()).isEqualTo(32_768);
    assertThat(tokenizer.bosTokenId()).isZero();
    assertThat(tokenizer.eosTokenId()).isEqualTo(1);
    assertThat(tokenizer.padTokenId()).isEqualTo(2);
    assertThat(tokenizer.idOf("<|eot_id|>")).hasValue(6);
    assertThat(tokenizer.idOf("no such token")).isEmpty();
    assertThat(tokenizer.token(512)).isEqualTo("Ġt");
  }

  @Test
  void decodesWhatItEncodes() {
    String text = "The sea, \uD83C\uDF0A 海 and\r\n\r\n  3.14159\t<|end_of_text|> \0.";
    assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
    assertThat(tokenizer.decode(new int[] {0, 519, 1}, true)).isEqualTo(" the");
    assertThatThrownBy(() -> tokenizer.decode(32_768))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("id 32768 has no token");
  }

  @Test
  void savesTheSameFiles(@TempDir Path folder) throws Exception {
    tokenizer.save(folder);
    assertThat(Files.mismatch(folder.resolve("tokenizer.json"), FOLDER.resolve("tokenizer.json")))
        .isEqualTo(-1);
    Tokenizer again = Tokenizer.load(folder);
    assertThat(again.fingerprint()).isEqualTo(tokenizer.fingerprint()).hasSize(64);
    assertThat(again.chatTemplate().source()).isEqualTo(tokenizer.chatTemplate().source());
    assertThat(again.padTokenId()).isEqualTo(2);
  }

  @Test
  void rendersASystemBlockAlways() {
    String expected =
        """
        <|begin_of_text|><|start_header_id|>system<|end_header_id|>
        Cutting Knowledge Date: December 2024
        Today Date: December 2024
        <|end_of_text|>

        <|start_header_id|>user<|end_header_id|>
        Hi<|end_of_text|>

        <|start_header_id|>assistant<|end_header_id|>
        """;
    assertThat(tokenizer.chatTemplate().render(List.of(Message.user(" Hi\n")), true))
        .isEqualTo(expected);
  }
}
