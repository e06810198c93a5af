package dev.smalldoge.notebook.kernel;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Tells how the kernel before this one ended, where Jupyter would only restart it.
 *
 * <p>A file beside the connection file holds the process id while a kernel runs. Jupyter restarts a
 * kernel with the same connection file: if the mark is still there, the kernel before ended without
 * being asked to.
 */
final class PreviousKernel {
  /** Where the JVM writes its report of a crash; {@code %p} is the process id. */
  static final String CRASH_REPORT = "doge-kernel-crash-%p.log";

  private static final String ENDED = "ended";

  private final Path mark;

  PreviousKernel(Path connectionFile) {
    mark = connectionFile.resolveSibling(connectionFile.getFileName() + ".running");
  }

  /** A message about the kernel before, or null if it ended well; marks this one as running. */
  String begin() {
    try {
      String message = Files.exists(mark) ? message(Files.readString(mark).strip()) : null;
      Files.writeString(mark, Long.toString(ProcessHandle.current().pid()));
      return message;
    } catch (IOException e) {
      Main.log("cannot mark the kernel as running: " + e);
      return null;
    }
  }

  /** Tells the next kernel that code in this one ended it, if this is not a good end. */
  void exits() {
    if (Files.exists(mark)) {
      try {
        Files.writeString(mark, ENDED);
      } catch (IOException e) {
        Main.log("cannot mark the kernel as ended: " + e);
      }
    }
  }

  /** Takes the mark away: this kernel ends well. */
  void end() {
    try {
      Files.deleteIfExists(mark);
    } catch (IOException e) {
      Main.log("cannot take the mark away: " + e);
    }
  }

  private static String message(String pid) throws IOException {
    Path report = Path.of(System.getProperty("java.io.tmpdir"), CRASH_REPORT.replace("%p", pid));
    String reason =
        pid.equals(ENDED)
            ? "ended because code in a cell ended it, as Runtime.exit does, or by a signal"
            : Files.isRegularFile(report)
                ? "crashed: " + summary(Files.readAllLines(report)) + " (report: " + report + ")"
                : "was ended from outside, as the system does when memory runs out, or by an abort"
                    + " in a native library (the Jupyter server's log has its last words)";
    return "The kernel before this one "
        + reason
        + ". Its variables are lost; run the notebook from the top.";
  }

  /** The signal and the frame of the JVM's crash report. */
  static String summary(List<String> report) {
    Optional<String> signal =
        report.stream()
            .filter(line -> line.matches("#\\s+(SIG|EXCEPTION|Internal Error|Out of Memory).*"))
            .findFirst();
    int frame = report.indexOf("# Problematic frame:");
    return signal.map(line -> line.substring(1).strip()).orElse("no signal named")
        + (frame >= 0 && frame + 1 < report.size()
            ? " in " + report.get(frame + 1).substring(1).strip()
            : "");
  }
}
