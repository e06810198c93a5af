package dev.smalldoge.notebook.kernel;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.NearestWord;
import dev.smalldoge.notebook.display.Displays;
import io.github.spencerpark.jupyter.kernel.display.DisplayData;
import io.github.spencerpark.jupyter.kernel.magic.registry.UndefinedMagicException;
import java.util.List;

/** IJava's functions of a cell beyond display: render, eval, the magics and the kernel itself. */
public final class KernelFunctions {
  private static volatile DogeKernel kernel;

  private KernelFunctions() {}

  static void serve(DogeKernel running) {
    kernel = running;
  }

  /** The kernel that runs this cell. */
  public static DogeKernel getKernelInstance() {
    return kernel;
  }

  /** Every form of {@code value}, for the end of a cell. */
  public static DisplayData render(Object value) {
    return kernel.render(value);
  }

  /** {@code value} as the MIME types {@code as}, for the end of a cell. */
  public static DisplayData render(Object value, String... as) {
    return value == null
        ? KernelHost.data(Displays.render(null))
        : kernel.getRenderer().renderAs(value, as);
  }

  /** Runs {@code source} as a cell would and returns the value of its last expression, or null. */
  public static Object eval(String source) throws Exception {
    return kernel.evaluate(source);
  }

  /** Runs the line magic {@code name}. */
  @SuppressWarnings("TypeParameterUnusedInFormals") // the signature that IJava notebooks know
  public static <T> T lineMagic(String name, List<String> arguments) throws Exception {
    try {
      return kernel.getMagics().applyLineMagic(name, arguments);
    } catch (UndefinedMagicException e) {
      throw noSuchMagic("%" + name, e);
    }
  }

  /** Runs the cell magic {@code name} on {@code body}. */
  @SuppressWarnings("TypeParameterUnusedInFormals") // the signature that IJava notebooks know
  public static <T> T cellMagic(String name, List<String> arguments, String body) throws Exception {
    try {
      return kernel.getMagics().applyCellMagic(name, arguments, body);
    } catch (UndefinedMagicException e) {
      throw noSuchMagic("%%" + name, e);
    }
  }

  private static DogeException noSuchMagic(String typed, UndefinedMagicException cause) {
    return new DogeException(
        NearestWord.of(typed, kernel.magicNames())
            .map(name -> "There is no magic " + typed + "; did you mean " + name + "?")
            .orElse("There is no magic " + typed + "; %magics lists those there are"),
        cause);
  }
}
