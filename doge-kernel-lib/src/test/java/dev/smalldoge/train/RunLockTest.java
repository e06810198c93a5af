package dev.smalldoge.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunLockTest {
  @TempDir private Path folder;

  /** Locks the folder {@code arguments[0]}, says so, and keeps it until it is killed. */
  static final class Holder {
    private Holder() {}

    public static void main(String... arguments) throws IOException {
      RunLock lock = RunLock.of(Path.of(arguments[0]));
      System.out.println(lock != null);
      int unused = System.in.read();
    }
  }

  @Test
  void aFolderIsTrainedByOneRunOfThisProcessAtATime() {
    try (RunLock first = RunLock.of(folder)) {
      assertThat(first).isNotNull();
      refused(ProcessHandle.current().pid());
    }
    RunLock.of(folder).close();
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void anotherProcessHoldsItUntilItIsKilled() throws Exception {
    Process holder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                place(Holder.class) + File.pathSeparator + place(RunLock.class),
                Holder.class.getName(),
                folder.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try {
      assertThat(holder.inputReader().readLine()).isEqualTo("true");
      refused(holder.pid());
    } finally {
      holder.destroyForcibly().waitFor();
    }
    RunLock.of(folder).close();
  }

  @Test
  void anInterruptThatCameBeforeIsKept() {
    Thread.currentThread().interrupt();
    try (RunLock lock = RunLock.of(folder)) {
      assertThat(lock).isNotNull();
      assertThat(Thread.interrupted()).isTrue();
    }
  }

  private static Path place(Class<?> type) throws URISyntaxException {
    return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
  }

  private void refused(long holder) {
    assertThatThrownBy(() -> RunLock.of(folder))
        .isInstanceOf(DogeException.class)
        .hasMessage(
            folder
                + " is being trained by process "
                + holder
                + "; wait for it, interrupt it, or choose another folder");
  }
}
