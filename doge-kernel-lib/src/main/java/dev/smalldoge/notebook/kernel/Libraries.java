package dev.smalldoge.notebook.kernel;

import dev.smalldoge.config.DogeException;
import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Where this library and the libraries it needs are. */
public final class Libraries {
  private Libraries() {}

  /** The class path: this jar and the folder {@code lib} beside it, or whatever runs now. */
  public static List<String> classPath() {
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

  /** The class path with every {@code folder/*} as its jars, for tools that do not expand it. */
  public static List<String> jars(List<String> classPath) {
    List<String> jars = new ArrayList<>();
    for (String entry : classPath) {
      if (!entry.endsWith("*")) {
        jars.add(entry);
        continue;
      }
      try (Stream<Path> files = Files.list(Path.of(entry.substring(0, entry.length() - 1)))) {
        files.map(Path::toString).filter(f -> f.endsWith(".jar")).sorted().forEach(jars::add);
      } catch (IOException e) {
        throw new DogeException("Cannot list " + entry + "; build the project again", e);
      }
    }
    return jars;
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
