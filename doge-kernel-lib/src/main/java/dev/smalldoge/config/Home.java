package dev.smalldoge.config;

import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The folder that typed paths such as {@code recipes/tiny/pretrain.yaml}, {@code datasets} and
 * {@code runs/tiny} are seen from, so that they mean the same in a notebook, in JShell and on the
 * command line.
 *
 * <p>It is the working directory or the nearest folder above it that holds this project's recipes;
 * else what the environment variable {@code DOGE_HOME} names; else the working directory.
 *
 * <p>Example: {@code Home.path("runs/tiny")} is the project's {@code runs/tiny}, also in a notebook
 * that runs in {@code notebooks/}.
 */
public final class Home {
  private static final String MARK = "recipes/tiny/pretrain.yaml";

  private Home() {}

  /** The folder itself, absolute. */
  public static Path folder() {
    return folder(Path.of("").toAbsolutePath(), System.getenv("DOGE_HOME"));
  }

  static Path folder(Path workingDirectory, String dogeHome) {
    for (Path f = workingDirectory; f != null; f = f.getParent()) {
      if (Files.exists(f.resolve(MARK))) {
        return f;
      }
    }
    return dogeHome == null || dogeHome.isBlank() ? workingDirectory : Path.of(dogeHome);
  }

  /**
   * Where a typed path is: an absolute one as it is; a relative one from the working directory if
   * it exists there, else from {@link #folder()}.
   *
   * @return the path as typed where the two are one folder, else one that works from here
   */
  public static Path path(String typed) {
    Path path = Path.of(typed);
    if (path.isAbsolute() || Files.exists(path)) {
      return path;
    }
    Path here = Path.of("").toAbsolutePath();
    Path home = folder();
    return home.equals(here) ? path : shown(here, home.resolve(path));
  }

  /** Relative where that is short: messages and outputs of notebooks name no machine. */
  private static Path shown(Path here, Path path) {
    Path relative =
        here.getRoot().equals(path.getRoot()) ? here.relativize(path).normalize() : path;
    return relative.getNameCount() < path.getNameCount() ? relative : path;
  }
}
