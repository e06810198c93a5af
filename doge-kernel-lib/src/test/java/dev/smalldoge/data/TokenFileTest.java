package dev.smalldoge.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.io.DType;
import dev.smalldoge.io.Safetensors;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenFileTest {
  @TempDir Path folder;

  private TokenFile write(Tokenizer tokenizer, boolean masked) {
    Path file = folder.resolve("x.tokens.safetensors");
    try (var writer = new TokenFileWriter(file, tokenizer, masked)) {
      writer.source("a");
      writer.append(new int[] {0, 258, 1}, masked ? new boolean[] {false, true, true} : null, 1);
      writer.source("b");
      writer.append(new int[] {0, 1}, null, 0);
      return writer.finish();
    }
  }

  @Test
  void keepsDocumentsSourcesAndMask() {
    TokenFile file = write(TestTokenizers.bytes(), true);
    assertThat(file.documents()).isEqualTo(2);
    assertThat(file.tokens()).isEqualTo(5);
    assertThat(file.document(0)).containsExactly(0, 258, 1);
    assertThat(file.document(1)).containsExactly(0, 1);
    assertThat(file.trained(0)).containsExactly(false, true, true);
    assertThat(file.trained(1)).containsExactly(true, true);
    assertThat(file.sources())
        .containsExactly(new SourceShare("a", 1, 3, 1), new SourceShare("b", 1, 2, 0));
    assertThat(file.vocabSize()).isEqualTo(259);
    assertThat(file.padTokenId()).isEqualTo(2);
  }

  @Test
  void isASafetensorsFileOfTheNarrowestType() {
    write(TestTokenizers.bytes(), false);
    try (Safetensors tensors = Safetensors.open(folder.resolve("x.tokens.safetensors"))) {
      assertThat(tensors.info("input_ids").dtype()).isEqualTo(DType.U16);
      assertThat(tensors.longs("documents").get(1)).isEqualTo(3);
    }
    TokenFile wide = write(TestTokenizers.bytes(70_000), false);
    try (Safetensors tensors = Safetensors.open(folder.resolve("x.tokens.safetensors"))) {
      assertThat(tensors.info("input_ids").dtype()).isEqualTo(DType.I32);
    }
    assertThat(wide.document(0)).containsExactly(0, 258, 1);
  }

  @Test
  void leavesNothingBesideItself() throws IOException {
    write(TestTokenizers.bytes(), true);
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).hasSize(1);
    }
  }

  @Test
  void anUnfinishedFileLeavesNothing() {
    Path file = folder.resolve("y.tokens.safetensors");
    try (var writer = new TokenFileWriter(file, TestTokenizers.bytes(), false)) {
      writer.source("a");
      writer.append(new int[] {0, 1}, null, 0);
    }
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void refusesAnotherTokenizer() {
    write(TestTokenizers.bytes(), false);
    Path file = folder.resolve("x.tokens.safetensors");
    assertThat(Tokens.open(file, TestTokenizers.bytes()).documents()).isEqualTo(2);
    assertThatThrownBy(() -> Tokens.open(file, TestTokenizers.bytes(1)))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining(file + " was made with tokenizer");
  }

  @Test
  void refusesIdsOutsideTheVocabulary() {
    Path file = folder.resolve("y.tokens.safetensors");
    try (var writer = new TokenFileWriter(file, TestTokenizers.bytes(), false)) {
      writer.source("a");
      assertThatThrownBy(() -> writer.append(new int[] {259}, null, 0))
          .hasMessageContaining("token id 259 is outside the vocabulary of 259");
      assertThatThrownBy(() -> writer.append(new int[0], null, 0))
          .hasMessageContaining("no tokens");
    }
  }

  @Test
  void refusesATornFileAndAnIndexThatLies() throws IOException {
    write(TestTokenizers.bytes(), false);
    Path file = folder.resolve("x.tokens.safetensors");
    long end = Files.size(file);
    try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
      bytes.seek(end - 5 * 2 - 3 * 8 - 8); // the index lies before three sums and five U16 ids
      bytes.write(4);
    }
    assertThatThrownBy(() -> TokenFile.open(file))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("does not span its 5 tokens");
    try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
      bytes.setLength(end - 1);
    }
    assertThatThrownBy(() -> TokenFile.open(file)).isInstanceOf(DogeException.class);
    Path other = Files.writeString(folder.resolve("z.safetensors"), "{}");
    assertThatThrownBy(() -> TokenFile.open(other)).isInstanceOf(DogeException.class);
  }
}
