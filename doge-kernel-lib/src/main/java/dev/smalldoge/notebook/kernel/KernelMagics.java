package dev.smalldoge.notebook.kernel;

import dev.smalldoge.config.DogeException;
import io.github.spencerpark.jupyter.kernel.magic.common.Load;
import io.github.spencerpark.jupyter.kernel.magic.registry.CellMagicFunction;
import io.github.spencerpark.jupyter.kernel.magic.registry.LineMagicFunction;
import io.github.spencerpark.jupyter.kernel.magic.registry.Magics;
import java.io.FileNotFoundException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The magics of this kernel: IJava's, and a few of our own. */
final class KernelMagics {
  private final Map<String, String> help = new LinkedHashMap<>();
  private final Magics magics;
  private final DogeKernel kernel;
  private final MavenClassPath maven = new MavenClassPath();
  private final Load load;

  KernelMagics(Magics magics, DogeKernel kernel) {
    this.magics = magics;
    this.kernel = kernel;
    load = new Load(List.of(".jsh", ".jshell", ".java", ".ijava"), kernel::evaluate);
    line("maven", "GROUP:ARTIFACT:VERSION … adds artifacts of Maven repositories", this::maven);
    line("addMavenDependency", "the same as %maven", this::maven);
    line("addMavenDependencies", "the same as %maven", this::maven);
    line("mavenRepo", "ID URL adds a repository for %maven", this::mavenRepo);
    line("addMavenRepo", "the same as %mavenRepo", this::mavenRepo);
    line("loadFromPOM", "FILE [SCOPE …] adds what a pom.xml depends on", this::loadFromPom);
    cell("loadFromPOM", "[SCOPE …] adds what the pom or fragment below depends on", this::pomCell);
    line("jars", "GLOB … adds jars", arguments -> classPath(arguments, true));
    line("classpath", "GLOB … adds jars and folders of classes", a -> classPath(a, false));
    line("load", "FILE runs a script or a notebook here", this::load);
    line("time", "STATEMENT runs it and tells the seconds it took", this::time);
    help.put("%%time", "runs the cell and tells the seconds it took");
    line("memory", "tells the Java memory in use", this::memory);
    line("magics", "lists the magics", this::list);
  }

  private void line(String name, String text, LineMagicFunction<?> magic) {
    magics.registerLineMagic(name, magic);
    help.put("%" + name, text);
  }

  private void cell(String name, String text, CellMagicFunction<?> magic) {
    magics.registerCellMagic(name, magic);
    help.put("%%" + name, text);
  }

  /** Names as typed, and what each does. */
  Map<String, String> help() {
    return help;
  }

  private List<String> maven(List<String> coordinates) throws InterruptedException {
    if (coordinates.isEmpty()) {
      throw new DogeException(
          "%maven needs GROUP:ARTIFACT:VERSION, such as org.apache.commons:commons-math3:3.6.1");
    }
    return add(maven.resolve(coordinates));
  }

  private Object mavenRepo(List<String> arguments) {
    if (arguments.size() != 2) {
      throw new DogeException("%mavenRepo needs an id and a URL, not " + arguments);
    }
    maven.addRepository(arguments.get(0), arguments.get(1));
    return Session.NOTHING;
  }

  private List<String> loadFromPom(List<String> arguments) throws Exception {
    if (arguments.isEmpty()) {
      throw new DogeException(
          "%loadFromPOM needs the path of a pom.xml; %%loadFromPOM takes its text");
    }
    Path pom = Path.of(arguments.get(0)).toAbsolutePath();
    if (!Files.isRegularFile(pom)) {
      throw new DogeException("There is no file " + pom + "; give the path of a pom.xml");
    }
    return add(maven.resolvePom(pom, arguments.subList(1, arguments.size())));
  }

  private List<String> pomCell(List<String> scopes, String body) throws Exception {
    return add(maven.resolveText(body, scopes));
  }

  private List<String> add(List<Path> jars) {
    jars.forEach(jar -> kernel.addToClasspath(jar.toString()));
    System.out.println("Added " + jars.size() + (jars.size() == 1 ? " jar" : " jars"));
    return jars.stream().map(Path::toString).toList();
  }

  private Object load(List<String> arguments) throws Exception {
    if (arguments.size() != 1) {
      throw new DogeException(
          "%load needs one file, a notebook or a script such as more.jshell, not " + arguments);
    }
    try {
      load.load(arguments);
    } catch (FileNotFoundException e) {
      throw new DogeException(
          "There is no script or notebook "
              + arguments.get(0)
              + " in "
              + Path.of("").toAbsolutePath()
              + "; mend the path",
          e);
    }
    return Session.NOTHING;
  }

  private List<String> classPath(List<String> globs, boolean onlyFiles) {
    if (globs.isEmpty()) {
      throw new DogeException(
          "%jars and %classpath need paths, such as \"lib/*.jar\"; %magics lists all magics");
    }
    List<String> added = new ArrayList<>();
    for (String glob : globs) {
      List<Path> found = Settings.glob(glob);
      if (found.isEmpty() || (found.size() == 1 && !Files.exists(found.get(0)))) {
        throw new DogeException(
            "No file matches " + Path.of("").toAbsolutePath().resolve(glob) + "; mend the path");
      }
      for (Path path : found) {
        if (!onlyFiles || Files.isRegularFile(path)) {
          kernel.addToClasspath(path.toString());
          added.add(path.toString());
        }
      }
    }
    return added;
  }

  private Object time(List<String> statement) throws Exception {
    if (String.join("", statement).isBlank()) {
      throw new DogeException("%time needs a statement behind it; %%time times a whole cell");
    }
    long start = System.nanoTime();
    Object value = kernel.evaluateAny(String.join(" ", statement));
    System.out.println(seconds(start));
    return value;
  }

  /** The time since {@code start}, as {@code %time} tells it. */
  static String seconds(long start) {
    return String.format(Locale.ROOT, "%.3f s", (System.nanoTime() - start) / 1e9);
  }

  private Object memory(List<String> arguments) {
    Runtime runtime = Runtime.getRuntime();
    System.out.printf(
        Locale.ROOT,
        "%.2f GiB of Java memory in use, %.2f GiB at most%n",
        (runtime.totalMemory() - runtime.freeMemory()) / (double) (1L << 30),
        runtime.maxMemory() / (double) (1L << 30));
    return Session.NOTHING;
  }

  private Object list(List<String> arguments) {
    help.forEach((name, text) -> System.out.printf("%-24s %s%n", name, text));
    return Session.NOTHING;
  }
}
