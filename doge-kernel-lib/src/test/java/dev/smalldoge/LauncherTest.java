package dev.smalldoge;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The launcher's own words, before there is any Java. */
class LauncherTest {
  @TempDir private Path folder;

  private String failsWithJavaHome(Path javaHome) throws IOException, InterruptedException {
    ProcessBuilder builder = new ProcessBuilder(List.of("../doge", "doctor"));
    builder.environment().put("JAVA_HOME", javaHome.toString());
    Process process = builder.redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).isEqualTo(1);
    return said;
  }

  @Test
  void oldJdkIsNamedWithItsRemedy() throws Exception {
    Path java = Files.createDirectories(folder.resolve("bin")).resolve("java");
    Files.writeString(java, "#!/bin/sh\necho '    java.specification.version = 11' >&2\n");
    assertThat(java.toFile().setExecutable(true)).isTrue();
    assertThat(failsWithJavaHome(folder))
        .isEqualTo(
            "doge: JDK 11 at %s is too old; 17 or later is needed: apt-get install openjdk-17-jdk-headless%n"
                .formatted(folder));
  }

  @Test
  void wrongJavaHomeIsNamed() throws Exception {
    Path none = folder.resolve("none");
    assertThat(failsWithJavaHome(none)).contains(none + " has no bin/java");
  }
}
