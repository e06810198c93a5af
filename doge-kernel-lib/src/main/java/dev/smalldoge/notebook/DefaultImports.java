package dev.smalldoge.notebook;

import java.util.ArrayList;
import java.util.List;

/** What every cell and every JShell session sees without an import. */
public final class DefaultImports {
  private static final List<String> JAVA =
      List.of(
          "java.util",
          "java.io",
          "java.math",
          "java.net",
          "java.nio.file",
          "java.util.concurrent",
          "java.util.function",
          "java.util.prefs",
          "java.util.regex",
          "java.util.stream");

  private static final List<String> OURS =
      List.of(
          "dev.smalldoge.config",
          "dev.smalldoge.data",
          "dev.smalldoge.data.hub",
          "dev.smalldoge.tokenizer",
          "dev.smalldoge.model",
          "dev.smalldoge.optim",
          "dev.smalldoge.train",
          "dev.smalldoge.pretrain",
          "dev.smalldoge.sft",
          "dev.smalldoge.dpo",
          "dev.smalldoge.generate",
          "dev.smalldoge.eval",
          "dev.smalldoge.serve",
          "dev.smalldoge.notebook",
          "dev.smalldoge.notebook.display",
          "tech.tablesaw.api",
          "org.knowm.xchart");

  private DefaultImports() {}

  /** Import statements for the JDK's packages, then ours as far as they are on the class path. */
  public static List<String> packages() {
    List<String> lines = new ArrayList<>();
    JAVA.forEach(name -> lines.add("import " + name + ".*;"));
    for (String name : OURS) {
      if (exists(name)) {
        lines.add("import " + name + ".*;");
      }
    }
    lines.add("import dev.smalldoge.torch.Device;"); // all that a cell needs of its package
    return lines;
  }

  /** Import statements for any JShell. */
  public static List<String> jshell() {
    List<String> lines = new ArrayList<>(packages());
    lines.add("import static dev.smalldoge.notebook.Notebook.*;");
    return lines;
  }

  /** Import statements for our kernel, which also has IJava's functions. */
  public static List<String> kernel() {
    List<String> lines = new ArrayList<>(jshell());
    lines.add("import static dev.smalldoge.notebook.kernel.KernelFunctions.*;");
    return lines;
  }

  /** Packages of this library that cells import. */
  public static List<String> ownPackages() {
    List<String> names = new ArrayList<>();
    OURS.stream().filter(name -> name.startsWith("dev.smalldoge.")).forEach(names::add);
    return names;
  }

  private static boolean exists(String packageName) {
    return DefaultImports.class.getClassLoader().getResource(packageName.replace('.', '/') + "/")
        != null;
  }
}
