package dev.smalldoge.torch;

import ai.djl.engine.Engine;
import ai.djl.util.cuda.CudaUtils;
import dev.smalldoge.config.DogeException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What this machine offers for training, and the one command that mends what is wrong. */
public final class Doctor {
  private static final int OLDEST_JAVA = 17;

  /**
   * One thing that was looked at.
   *
   * @param what its name
   * @param found what was found
   * @param remedy the command that mends it; empty where nothing is wrong
   */
  public record Finding(String what, String found, String remedy) {
    /** Whether nothing is wrong with it. */
    public boolean well() {
      return remedy.isEmpty();
    }
  }

  /** All findings; shows itself as a table. */
  public record Report(List<Finding> findings) {
    /** Whether nothing is wrong. */
    public boolean well() {
      return findings.stream().allMatch(Finding::well);
    }

    @Override
    public String toString() {
      StringBuilder text = new StringBuilder();
      for (Finding f : findings) {
        text.append(
            String.format(
                Locale.ROOT, "%-5s %-16s %s%n", f.well() ? "ok" : "WRONG", f.what, f.found));
        if (!f.well()) {
          text.append(String.format(Locale.ROOT, "      %-16s do: %s%n", "", f.remedy));
        }
      }
      return text.toString().stripTrailing();
    }

    /** The same table for a notebook. */
    public String toHtml() {
      StringBuilder html = new StringBuilder("<table><tbody>");
      for (Finding f : findings) {
        html.append("<tr><td>").append(f.well() ? "✓" : "<b>✗</b>");
        for (String cell : List.of(f.what, f.found)) {
          html.append("</td><td style=\"text-align:left\">").append(escape(cell));
        }
        if (!f.well()) {
          html.append("<br/><b>do:</b> <code>").append(escape(f.remedy)).append("</code>");
        }
        html.append("</td></tr>");
      }
      return html.append("</tbody></table>").toString();
    }

    private static String escape(String text) {
      return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }
  }

  private Doctor() {}

  /** Looks at everything; loads libtorch, which may download it at its first use. */
  public static Report examine() {
    List<Finding> findings = new ArrayList<>();
    int java = Runtime.version().feature();
    findings.add(
        new Finding(
            "JDK",
            Runtime.version() + " (" + System.getProperty("java.vendor") + ")",
            java >= OLDEST_JAVA ? "" : "apt-get install openjdk-17-jdk-headless"));
    findings.add(
        new Finding("cores", String.valueOf(Runtime.getRuntime().availableProcessors()), ""));
    MemoryUsage heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();
    findings.add(new Finding("Java heap", gib(heap.getMax()) + " at most", ""));
    findings.add(libtorch());
    findings.add(gpu());
    Path cache = Path.of(System.getProperty("user.home"), ".djl.ai");
    findings.add(
        new Finding(
            "native cache",
            "~/.djl.ai",
            !Files.exists(cache) || Files.isWritable(cache)
                ? ""
                : "export DJL_CACHE_DIR=<a folder that can be written>"));
    return new Report(findings);
  }

  private static Finding libtorch() {
    try {
      Torch.load();
      Engine engine = Engine.getEngine("PyTorch");
      return new Finding(
          "libtorch",
          engine.getVersion()
              + " through DJL "
              + Engine.getDjlVersion()
              + ", "
              + Torch.threads()
              + " threads",
          "");
    } catch (DogeException e) {
      return new Finding("libtorch", e.getMessage(), "export PYTORCH_FLAVOR=cpu");
    }
  }

  private static Finding gpu() {
    boolean driver = hasNvidiaDriver();
    int gpus = Torch.gpuCount();
    if (gpus == 0 && !driver) {
      return new Finding("GPU", "none; training runs on the CPU", "");
    }
    if (gpus == 0) {
      return new Finding(
          "GPU",
          "AN NVIDIA DRIVER IS HERE, BUT LIBTORCH SEES NO GPU: TRAINING WOULD RUN ON THE CPU",
          "install the CUDA runtime (libcudart.so.12 or .13) and name its folder:"
              + " export LD_LIBRARY_PATH=/usr/local/cuda/lib64");
    }
    MemoryUsage memory = CudaUtils.getGpuMemory(ai.djl.Device.gpu(0));
    return new Finding(
        "GPU",
        String.format(
            Locale.ROOT,
            "%d, compute capability %s, CUDA %s, %s of %s free",
            gpus,
            CudaUtils.getComputeCapability(0),
            CudaUtils.getCudaVersionString(),
            gib(memory.getMax() - memory.getUsed()),
            gib(memory.getMax())),
        "");
  }

  /** Whether the machine has an NVIDIA driver, whatever libtorch makes of it. */
  static boolean hasNvidiaDriver() {
    return Files.exists(Path.of("/proc/driver/nvidia/version"))
        || Files.exists(Path.of("/dev/nvidia0"));
  }

  /** Says loudly, once a run, that a GPU is there and will not be used. */
  public static void warnOfUnusedGpu(Device chosen) {
    if (!chosen.isGpu() && hasNvidiaDriver() && Torch.gpuCount() == 0) {
      System.err.println("WARNING: " + gpu().found() + "; do: " + gpu().remedy());
    }
  }

  private static String gib(long bytes) {
    return String.format(Locale.ROOT, "%.1f GiB", bytes / (double) (1L << 30));
  }
}
