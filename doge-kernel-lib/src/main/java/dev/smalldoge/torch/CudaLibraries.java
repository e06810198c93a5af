package dev.smalldoge.torch;

import com.sun.jna.NativeLibrary;
import dev.smalldoge.config.DogeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Finds the CUDA libraries that libtorch brought into the process, so that our calls and its own
 * share one copy, whatever version it came with.
 */
final class CudaLibraries {
  private static final Path LOADED = Path.of("/proc/self/maps");

  private CudaLibraries() {}

  /**
   * The loaded library of this stem, such as {@code libcublas.so}.
   *
   * @throws DogeException where it is not loaded
   */
  static NativeLibrary loaded(String stem) {
    Torch.load(); // which brings all of them
    Optional<Path> path = find(stem);
    if (path.isPresent()) {
      return NativeLibrary.getInstance(path.get().toString());
    }
    UnsatisfiedLinkError missing = null;
    for (String version : List.of(".13", ".12")) {
      try {
        return NativeLibrary.getInstance(stem + version);
      } catch (UnsatisfiedLinkError absent) {
        missing = absent;
      }
    }
    throw new DogeException(
        stem
            + " is neither loaded nor found; use a libtorch built for CUDA, or train without the"
            + " fused kernels",
        missing);
  }

  private static Optional<Path> find(String stem) {
    try {
      List<String> lines = Files.readAllLines(LOADED);
      return lines.stream()
          .filter(line -> line.contains("/" + stem))
          .map(line -> Path.of(line.substring(line.indexOf('/'))))
          .findFirst();
    } catch (IOException notLinux) {
      return Optional.empty(); // the caller says what is missing
    }
  }
}
