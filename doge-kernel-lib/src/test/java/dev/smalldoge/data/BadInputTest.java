package dev.smalldoge.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.jerolba.carpet.CarpetWriter;
import dev.smalldoge.Printed;
import dev.smalldoge.config.DataMixture;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.PretrainRecipe;
import dev.smalldoge.config.TrainingSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What is said about files that cannot be used, and a disk that is full. */
class BadInputTest {
  @TempDir Path folder;

  record Text(String text) {}

  private Path parquet() throws IOException {
    Path file = folder.resolve("a.parquet");
    try (CarpetWriter<Text> writer = new CarpetWriter<>(Files.newOutputStream(file), Text.class)) {
      for (int i = 0; i < 500; i++) {
        writer.write(new Text("row " + i));
      }
    }
    return file;
  }

  private static void assertRefused(Path file, String message) {
    assertThatThrownBy(() -> Corpus.file(file).tokenize(TestTokenizers.bytes()))
        .isInstanceOf(DogeException.class)
        .hasMessageStartingWith(file + " is damaged after row 0 (" + message);
  }

  @Test
  void parquetThatWasCutIsToldFromParquetThatIsDamaged() throws IOException {
    Path file = parquet();
    byte[] whole = Files.readAllBytes(file);
    for (int length : new int[] {0, 3, 100, whole.length - 1}) {
      Files.write(file, Arrays.copyOf(whole, length));
      assertRefused(file, "it does not end as a parquet file does, so it was cut or is none)");
    }
    byte[] damaged = whole.clone();
    damaged[40] ^= 0x55;
    Files.write(file, damaged);
    assertRefused(file, "could not verify page integrity");
  }

  @Test
  void compressedFilesWithoutAByteAreTold() throws IOException {
    assertRefused(
        Files.createFile(folder.resolve("a.jsonl.gz")),
        "it ends before its first compressed byte)");
  }

  @Test
  void aCorpusOfBadRowsAloneSaysWhatIsWrongWithThem() throws IOException {
    Path file =
        Files.writeString(folder.resolve("a.jsonl"), "{\"body\":\"a\"}\n{\"body\":\"b\"}\n");
    assertThatThrownBy(() -> Corpus.file(file).skippingBadRows().tokenize(TestTokenizers.bytes()))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("all its rows are bad, the first one " + file + " row 0: there is no")
        .hasMessageContaining("\"text\" among its columns [body]");
    assertThatThrownBy(() -> Corpus.file(file).tokenize(TestTokenizers.bytes()))
        .hasMessageContaining(".skippingBadRows(), in a recipe data: skip_bad_rows: true, in a");
  }

  @Test
  void aRecipeMayLeaveBadRowsOut() throws IOException {
    Path file = Files.writeString(folder.resolve("a.jsonl"), "{\"text\":\"a\"}\n{\"text\":\"\"}\n");
    Map<String, Double> ratios = Map.of(file.toString(), 1.0);
    DataMixture refusing = new DataMixture(ratios, -1, 0, true);
    assertThatThrownBy(() -> Mixture.of(refusing, "datasets").tokenize(TestTokenizers.bytes()))
        .hasMessageContaining("row 1: column \"text\" is empty");
    DataMixture skipping = new DataMixture(ratios, -1, 0, true, true);
    Tokens tokens = Mixture.of(skipping, "datasets").tokenize(TestTokenizers.bytes());
    TrainingSettings settings =
        PretrainRecipe.load("../recipes/tiny/pretrain.yaml", "data.skip_bad_rows=true").training();
    assertThat(Printed.by(() -> tokens.sequences(skipping, settings, null)).err())
        .contains("1 bad rows left out:", file + " row 1: column \"text\" is empty");
  }

  @Test
  void filesOfACutDownloadAreTold() throws IOException {
    Files.writeString(folder.resolve("a.jsonl"), "{\"text\":\"a\"}\n");
    assertThat(Printed.by(() -> assertThat(Corpus.folder(folder).files()).hasSize(1)).err())
        .isEmpty();
    Files.writeString(folder.resolve("b.jsonl.part"), "{\"text\":\"b\"}\n");
    assertThat(Printed.by(() -> assertThat(Corpus.folder(folder).files()).hasSize(1)).err())
        .contains(folder + " lacks 1 files that came in part only, the first b.jsonl.part; fetch");
  }

  @Test
  @EnabledOnOs(OS.LINUX) // /dev/full is the full disk
  void aFullDiskIsToldAndLeavesNothing() throws IOException {
    Path file = Files.writeString(folder.resolve("a.jsonl"), "{\"text\":\"a\"}\n".repeat(50_000));
    Path target = folder.resolve("a.tokens.safetensors");
    Files.createSymbolicLink(
        folder.resolve("a.tokens.safetensors.documents.part"), Path.of("/dev/full"));
    assertThatThrownBy(() -> Corpus.file(file).tokenize(TestTokenizers.bytes(), target))
        .isInstanceOf(DogeException.class)
        .hasMessageStartingWith(target + " could not be written (No space left on device)");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(file);
    }
  }
}
