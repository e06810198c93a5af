package dev.smalldoge.notebook.kernel;

import dev.smalldoge.config.DogeException;
import java.io.File;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Where this library and the libraries it needs are. */
final class Libraries {
  private Libraries() {}

  /** The class path: this jar and the folder {@code lib} beside it, or whatever runs now. */
  static List<String> classPath() {
    Path code = code();
    Path lib = code.resolveSibling("lib");
    if (Files.isRegularFile(code) && Files.isDirectory(lib)) {
      return List.of(code.toString(), lib.resolve("*").toString());
    }
    return Stream.of(System.getProperty("java.class.path").split(File.pathSeparator, -1))
        .filter(entry -> !entry.isBlank())
        .map(entry -> Path.of(entry).toAbsolutePath().toString())
        .toList();
  }

  /** This library's own jar, or its folder of classes. */
  private static Path code() {
    try {
      return Path.of(Libraries.class.getProtectionDomain().getCodeSource().getLocation().toURI())
          .toAbsolutePath();
    } catch (URISyntaxException e) {
      throw new DogeException("Cannot tell where this library is; move it to a plain folder", e);
    }
  }
}
