package dev.smalldoge.cli;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.Home;
import dev.smalldoge.notebook.Preload;
import dev.smalldoge.notebook.kernel.KernelInstaller;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Brings this library into Jupyter: as a kernel of its own, or into another Java kernel. */
@Command(name = "kernel", description = "Install the Jupyter kernel, or preload another one.")
final class KernelCommand {
  @Command(name = "install", description = "Install the kernel for Jupyter; run again to change.")
  int install(
      @Option(names = "--name", defaultValue = "doge-java", description = "id (${DEFAULT-VALUE})")
          String name,
      @Option(names = "--jdk", description = "JDK of the kernel; by default the one that runs now")
          Path jdk,
      @Option(names = "--data-dir", description = "Jupyter's data folder; by default the user's")
          Path dataFolder,
      @Option(names = "--heap", description = "most Java memory, such as 8g") String heap,
      @Option(names = "--no-archive", description = "skip the archive that shortens the start")
          boolean noArchive) {
    KernelInstaller.Options options =
        KernelInstaller.Options.defaults()
            .withJdk(jdk)
            .withDataFolder(dataFolder)
            .withHeap(heap)
            .withArchive(!noArchive);
    if (!name.equals(options.name())) {
      options = options.withName(name, "Java (" + name + ")");
    }
    String home = System.getenv("DOGE_HOME");
    if (home != null) {
      options = options.withVariable("DOGE_HOME", home); // for notebooks outside the project
    }
    System.out.println("Installed " + KernelInstaller.install(options));
    return 0;
  }

  @Command(
      name = "preload",
      description = "Print the variables that preload this library into IJava or JJava.")
  int preload(@Parameters(paramLabel = "KERNEL", description = "ijava or jjava") String kernel) {
    String family = kernel.toUpperCase(Locale.ROOT);
    if (!List.of("IJAVA", "JJAVA").contains(family)) {
      throw new DogeException(
          "\"" + kernel + "\" is no kernel that this knows; use ijava or jjava");
    }
    Path scripts = Preload.writeScripts(Home.folder().resolve("target").resolve("preload"));
    Preload.environment(family, scripts)
        .forEach((name, value) -> System.out.println(name + "=" + value));
    return 0;
  }
}
