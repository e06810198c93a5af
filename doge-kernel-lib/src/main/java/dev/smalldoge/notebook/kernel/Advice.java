package dev.smalldoge.notebook.kernel;

import java.util.Locale;

/** What to do about the errors that a JVM alone explains badly. */
final class Advice {
  private Advice() {}

  /** One sentence, or null if the error speaks for itself. */
  static String of(Throwable thrown) {
    if (thrown instanceof OutOfMemoryError) {
      return String.format(
          Locale.ROOT,
          "Ran out of Java memory: %.1f GiB are in use at most (%s). The kernel lives; release what"
              + " is no longer needed (x = null), or install the kernel again with --heap, such as"
              + " --heap 8g.",
          Runtime.getRuntime().maxMemory() / (double) (1L << 30),
          thrown.getMessage());
    }
    if (thrown instanceof StackOverflowError) {
      return "A method called itself without end, or too deep for the stack.";
    }
    if (thrown instanceof UnsatisfiedLinkError || isFailedInitializer(thrown)) {
      return "A native library could not be loaded or used: "
          + thrown.getMessage()
          + ". Restart the kernel before another try; a class that failed once stays failed.";
    }
    return null;
  }

  private static boolean isFailedInitializer(Throwable thrown) {
    return thrown instanceof ExceptionInInitializerError
        || (thrown instanceof NoClassDefFoundError
            && String.valueOf(thrown.getMessage()).startsWith("Could not initialize class"));
  }
}
