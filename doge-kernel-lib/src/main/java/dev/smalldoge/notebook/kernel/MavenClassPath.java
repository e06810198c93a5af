package dev.smalldoge.notebook.kernel;

import dev.smalldoge.config.DogeException;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Resolves Maven artifacts by asking {@code mvn} itself.
 *
 * <p>So the user's own settings hold here too (mirrors, proxies, credentials, the local
 * repository), and the kernel does without the twenty-odd jars of a resolver. The price: a second
 * for its start.
 */
final class MavenClassPath {
  private static final String GOAL =
      "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath";
  private static final Pattern FRAGMENT =
      Pattern.compile("<(dependency|repository)>.*?</\\1>", Pattern.DOTALL);
  private static final Pattern PROPERTIES =
      Pattern.compile("<properties>.*?</properties>", Pattern.DOTALL);

  private final Map<String, String> repositories = new LinkedHashMap<>();

  void addRepository(String id, String url) {
    repositories.put(id, url);
  }

  /** Jars of {@code GROUP:ARTIFACT[:TYPE[:CLASSIFIER]]:VERSION} and all that they need. */
  List<Path> resolve(List<String> coordinates) throws InterruptedException {
    String dependencies =
        coordinates.stream().map(MavenClassPath::dependency).collect(Collectors.joining());
    String known =
        repositories.entrySet().stream()
            .map(
                e ->
                    "<repository>"
                        + tag("id", e.getKey())
                        + tag("url", e.getValue())
                        + "</repository>")
            .collect(Collectors.joining());
    return resolveText(known + dependencies, List.of());
  }

  private static String dependency(String coordinate) {
    String[] parts = coordinate.split(":", -1);
    if (parts.length < 3 || parts.length > 5 || Stream.of(parts).anyMatch(String::isBlank)) {
      throw new DogeException(
          "\""
              + coordinate
              + "\" is not GROUP:ARTIFACT:VERSION; write it like"
              + " org.apache.commons:commons-math3:3.6.1");
    }
    return "<dependency>"
        + tag("groupId", parts[0])
        + tag("artifactId", parts[1])
        + tag("version", parts[parts.length - 1])
        + (parts.length > 3 ? tag("type", parts[2]) : "")
        + (parts.length > 4 ? tag("classifier", parts[3]) : "")
        + "</dependency>";
  }

  private static String tag(String name, String text) {
    return "<" + name + ">" + text.replace("&", "&amp;").replace("<", "&lt;") + "</" + name + ">";
  }

  /** Jars that a pom, or loose dependency and repository elements, ask for. */
  List<Path> resolveText(String text, List<String> scopes) throws InterruptedException {
    try {
      Path folder = Files.createTempDirectory("doge-maven");
      try {
        Path pom = Files.writeString(folder.resolve("pom.xml"), pom(text));
        return resolvePom(pom, scopes);
      } finally {
        delete(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The text itself if it is a pom, else a pom around its elements. */
  static String pom(String text) {
    if (text.contains("<project")) {
      return text;
    }
    Map<String, StringBuilder> parts =
        Map.of("dependency", new StringBuilder(), "repository", new StringBuilder());
    Matcher matcher = FRAGMENT.matcher(text);
    while (matcher.find()) {
      parts.get(matcher.group(1)).append(matcher.group());
    }
    if (parts.get("dependency").isEmpty()) {
      throw new DogeException("There is no <dependency> element; paste one from a project's page");
    }
    Matcher properties = PROPERTIES.matcher(text);
    return "<project><modelVersion>4.0.0</modelVersion><groupId>notebook</groupId>"
        + "<artifactId>cell</artifactId><version>1</version><packaging>pom</packaging>"
        + (properties.find() ? properties.group() : "")
        + "<repositories>"
        + parts.get("repository")
        + "</repositories><dependencies>"
        + parts.get("dependency")
        + "</dependencies></project>";
  }

  /** Jars that the pom depends on in {@code scopes}; compile and runtime if none are given. */
  List<Path> resolvePom(Path pom, List<String> scopes) throws InterruptedException {
    Set<Path> jars = new LinkedHashSet<>();
    for (String scope : scopes.isEmpty() ? List.of("runtime") : scopes) {
      jars.addAll(ask(pom, scope));
    }
    return List.copyOf(jars);
  }

  private static List<Path> ask(Path pom, String scope) throws InterruptedException {
    try {
      Path answer = Files.createTempFile("doge-maven", ".txt");
      Path log = Files.createTempFile("doge-maven", ".log");
      try {
        run(
            List.of(
                command(),
                "-B",
                "-q",
                "-f",
                pom.toString(),
                GOAL,
                "-DincludeScope=" + scope,
                "-Dmdep.outputFile=" + answer),
            log);
        List<Path> jars = new ArrayList<>();
        for (String jar : Files.readString(answer).strip().split(File.pathSeparator, -1)) {
          if (!jar.isBlank()) {
            jars.add(Path.of(jar));
          }
        }
        return jars;
      } finally {
        Files.deleteIfExists(answer);
        Files.deleteIfExists(log);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void run(List<String> command, Path log) throws IOException, InterruptedException {
    Process process;
    try {
      process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
    } catch (IOException e) {
      throw new DogeException(
          "%maven runs Maven, and there is no mvn to run; install Maven, or add jars by %jars", e);
    }
    try {
      if (process.waitFor() != 0) {
        throw new DogeException(
            "Maven did not bring it: "
                + firstError(Files.readAllLines(log))
                + "; mend GROUP:ARTIFACT:VERSION, or look at the network");
      }
    } finally {
      process.destroy(); // on an interrupt
    }
  }

  /** What Maven says first, without its own pom, colours and pages. */
  static String firstError(List<String> log) {
    return log.stream()
        .map(line -> line.replaceAll("\u001b\\[[0-9;]*m", ""))
        .filter(line -> line.startsWith("[ERROR]"))
        .map(line -> line.substring("[ERROR]".length()).strip())
        .map(line -> line.replaceFirst("^.*Could not resolve dependencies for project \\S+: ", ""))
        .map(line -> line.replaceFirst("( during a previous attempt\\.| -> \\[Help).*", ""))
        .filter(line -> !line.isBlank())
        .findFirst()
        .orElse("it told nothing");
  }

  private static String command() {
    boolean windows = System.getProperty("os.name").startsWith("Windows");
    String name = windows ? "mvn.cmd" : "mvn";
    String home = System.getenv("MAVEN_HOME");
    return home == null || home.isBlank() ? name : Path.of(home, "bin", name).toString();
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
