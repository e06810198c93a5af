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

  /** A Maven that fails as the real one does: with a report of each class, and a status. */
  @Test
  void aFailedTestRunEndsWithWhatFailedAndWhatDidNotRun() throws Exception {
    Path report = Path.of("src/test/java/dev/smalldoge/FailureReport.java");
    Path launcher = Files.copy(Path.of("../doge"), folder.resolve("doge"));
    Path copy = folder.resolve("doge-kernel-lib").resolve(report);
    Files.createDirectories(copy.getParent());
    Files.copy(report, copy);
    Path reports =
        Files.createDirectories(folder.resolve("doge-kernel-lib/target/surefire-reports"));
    Files.writeString(reports.resolve("TEST-dev.smalldoge.OldTest.xml"), "of an earlier run");
    Path maven = Files.createDirectories(folder.resolve("bin")).resolve("mvn");
    Files.writeString(
        maven,
        """
        #!/bin/sh
        mkdir -p %1$s
        cat >%1$s/TEST-dev.smalldoge.SeaTest.xml <<'END'
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuite name="dev.smalldoge.SeaTest" tests="3" errors="1" skipped="0" failures="1">
          <testcase name="holds" classname="dev.smalldoge.SeaTest" time="0.1"/>
          <testcase name="isWide()[2]" classname="dev.smalldoge.SeaTest" time="0.1">
            <failure message="&#10;expected: &quot;wide&quot;&#10; but was: &lt;null&gt;" type="x.Y"><![CDATA[x.Y:
            at org.other.Assert.fail(Assert.java:3)
            at dev.smalldoge.Sky.of(Sky.java:8)
            at dev.smalldoge.SeaTest.isWide(SeaTest.java:21)
        ]]></failure>
          </testcase>
          <testcase name="isDeep" classname="dev.smalldoge.SeaTest" time="0.1">
            <error type="java.lang.NullPointerException"><![CDATA[]]></error>
          </testcase>
        </testsuite>
        END
        echo '[ERROR] There are test failures.'
        exit 3
        """
            .formatted(reports));
    assertThat(maven.toFile().setExecutable(true)).isTrue();
    ProcessBuilder builder = new ProcessBuilder(List.of(launcher.toString(), "test"));
    builder
        .environment()
        .merge("PATH", maven.getParent().toString(), (old, own) -> own + ":" + old);
    Process process = builder.redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isEqualTo(3);
    assertThat(said.substring(said.indexOf("There are test failures.")))
        .startsWith(
            """
            There are test failures.
            2 tests failed:
              dev.smalldoge.SeaTest.isWide()[2]
                expected: "wide"
                but was: <null>
                at dev.smalldoge.SeaTest.isWide(SeaTest.java:21)
              dev.smalldoge.SeaTest.isDeep
                java.lang.NullPointerException
            what they printed: CLASS-output.txt in %s
            """
                .formatted(reports))
        .contains("suite binder did not run: it builds in an empty home");
  }
}
