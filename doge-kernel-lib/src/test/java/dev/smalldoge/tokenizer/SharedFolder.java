package dev.smalldoge.tokenizer;

import java.nio.file.Files;
import java.nio.file.Path;

/** The folder {@code shared} beside the repository, which tests tagged {@code shared} need. */
public final class SharedFolder {
  private SharedFolder() {}

  /** A folder in it, found from the working directory upwards. */
  public static Path path(String name) {
    for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
      Path candidate = at.resolve("shared").resolve(name);
      if (Files.isDirectory(candidate)) {
        return candidate;
      }
    }
    throw new IllegalStateException(
        "no folder shared/" + name + " beside the repository; it is handed out with the project");
  }
}
