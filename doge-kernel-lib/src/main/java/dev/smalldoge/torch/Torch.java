package dev.smalldoge.torch;

import ai.djl.engine.Engine;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.pytorch.jni.NativeTorch;
import ai.djl.util.cuda.CudaUtils;
import dev.smalldoge.config.DogeException;

/** Loads libtorch once, and holds what is set for the whole process. */
public final class Torch {
  private static boolean loaded;
  private static long seed;

  private Torch() {}

  /**
   * Loads libtorch on the first call, which may download it.
   *
   * @throws DogeException when it cannot be loaded, with the remedy
   */
  public static synchronized void load() {
    if (loaded) {
      return;
    }
    if (System.getProperty("RUST_FLAVOR") == null && System.getenv("RUST_FLAVOR") == null) {
      System.setProperty("RUST_FLAVOR", "cpu");
    }
    if (System.getProperty("OPT_OUT_TRACKING") == null) {
      System.setProperty("OPT_OUT_TRACKING", "true"); // DJL sends usage statistics otherwise
    }
    try {
      Engine.getEngine("PyTorch");
    } catch (RuntimeException | LinkageError e) {
      throw new DogeException(
          "libtorch could not be loaded ("
              + rootMessage(e)
              + "); on a CUDA machine its first use downloads about 2.5 GB, so connect the network"
              + " once, or set PYTORCH_LIBRARY_PATH to a libtorch that is there, or"
              + " PYTORCH_FLAVOR=cpu to train on the CPU",
          e);
    }
    loaded = true;
  }

  private static String rootMessage(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root.getMessage() == null ? root.toString() : root.getMessage();
  }

  /** GPUs that libtorch's loader can see. */
  public static int gpuCount() {
    return CudaUtils.getGpuCount();
  }

  /** Gives GPU memory that libtorch keeps for reuse back to the device. */
  public static void emptyCache() {
    load();
    NativeTorch.emptyCache();
  }

  /** Seeds libtorch's random numbers on every device: dropout and new weights. */
  public static void setSeed(long seed) {
    load();
    Torch.seed = seed;
    NativeTorch.setSeed(seed);
  }

  /** A positive seed that depends on the last one set, and on nothing else. */
  public static long randomSeed() {
    seed = seed * 6_364_136_223_846_793_005L + 1_442_695_040_888_963_407L;
    return (seed >>> 2) + 1;
  }

  /** CPU threads that one operation may use. */
  public static void setThreads(int threads) {
    load();
    JniUtils.setNumThreads(threads);
  }

  /** CPU threads that one operation may use. */
  public static int threads() {
    load();
    return JniUtils.getNumThreads();
  }
}
