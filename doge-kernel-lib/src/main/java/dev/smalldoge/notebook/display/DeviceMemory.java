package dev.smalldoge.notebook.display;

import ai.djl.Device;
import ai.djl.util.cuda.CudaUtils;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Memory in use where training runs. */
final class DeviceMemory {
  private static final Path STATUS = Path.of("/proc/self/status");

  private DeviceMemory() {}

  /** Bytes in use on the first GPU, or by this process where there is none; 0 if unknown. */
  static long usedBytes() {
    if (CudaUtils.hasCuda() && CudaUtils.getGpuCount() > 0) {
      return CudaUtils.getGpuMemory(Device.gpu(0)).getUsed();
    }
    if (!Files.isReadable(STATUS)) {
      return 0; // another system than Linux, which has no such file
    }
    try {
      return Files.readAllLines(STATUS).stream()
          .filter(line -> line.startsWith("VmRSS:"))
          .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
          .findFirst()
          .orElse(0);
    } catch (IOException e) {
      return 0; // a figure for the eye; the run must not end for it
    }
  }
}
