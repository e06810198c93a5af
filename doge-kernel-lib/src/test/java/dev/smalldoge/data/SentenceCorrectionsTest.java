package dev.smalldoge.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.tokenizer.Message;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Against a repository of one artifact, in the layout of Maven's. */
class SentenceCorrectionsTest {
  private static final String RULES =
      """
      <rule><example correction="supports|support">It <marker>support</marker> it.</example>
      <example correction="supports">It <marker>support</marker> it.</example>
      <example>It supports it.</example>
      <example correction="too">Way <marker>to</marker> fast &amp; loud&#33;</example>
      <example correction="same">The <marker>same</marker></example></rule>
      """;
  @TempDir Path folder;

  private Path repository() throws IOException {
    Path version = folder.resolve("maven/org/languagetool/language-en/6.8");
    Files.createDirectories(version);
    Path jar = version.resolve("language-en-6.8.jar");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(jar))) {
      zip.putNextEntry(new ZipEntry("org/languagetool/rules/en/grammar.xml"));
      zip.write(RULES.getBytes(StandardCharsets.UTF_8));
      zip.putNextEntry(new ZipEntry("org/languagetool/rules/de/grammar.xml"));
      zip.write(
          "<example correction=\"a\"><marker>b</marker></example>"
              .getBytes(StandardCharsets.UTF_8));
    }
    return jar;
  }

  private static void sign(Path jar) throws Exception {
    byte[] digest = MessageDigest.getInstance("SHA-1").digest(Files.readAllBytes(jar));
    Files.writeString(Path.of(jar + ".sha1"), HexFormat.of().formatHex(digest));
  }

  @Test
  void examplesBecomePreferencesOnceEach() throws Exception {
    sign(repository());
    String base = folder.resolve("maven").toUri().toString();
    assertThat(SentenceCorrections.download(base, folder.resolve("datasets"))).isEqualTo(2);
    assertThat(Corpus.of("sentence-corrections").under(folder.resolve("datasets")).preferences())
        .containsExactly(
            new PreferencePair(
                List.of(Message.user("Correct this sentence: It support it.")),
                Message.assistant("It supports it."),
                Message.assistant("It support it.")),
            new PreferencePair(
                List.of(Message.user("Correct this sentence: Way to fast & loud!")),
                Message.assistant("Way too fast & loud!"),
                Message.assistant("Way to fast & loud!")));
    assertThat(folder.resolve("datasets/sentence-corrections/LICENSE.txt"))
        .content()
        .contains("GNU Lesser General Public License");
  }

  @Test
  void anotherFileThanTheRepositorySaysIsRefused() throws Exception {
    OutputStream out = Files.newOutputStream(Path.of(repository() + ".sha1"));
    out.write("0123".getBytes(StandardCharsets.US_ASCII));
    out.close();
    String base = folder.resolve("maven").toUri().toString();
    assertThatThrownBy(() -> SentenceCorrections.download(base, folder.resolve("datasets")))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("but the repository says 0123; fetch it again");
    assertThat(folder.resolve("datasets")).doesNotExist();
  }

  @Test
  void aRepositoryThatIsNotThereIsOneSentence() {
    String base = folder.resolve("nowhere").toUri().toString();
    assertThatThrownBy(() -> SentenceCorrections.download(base, folder))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("Cannot fetch")
        .hasMessageContaining("check the network or name another repository");
  }
}
