package dev.smalldoge;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

/**
 * The failed tests of Surefire's reports, each by class and method with the ends of its message.
 * {@code ./doge test} prints them last, since the end of a long log is what one sees of it.
 *
 * <p>The launcher runs it as a single source file, so that it works when nothing else compiles:
 * {@code java FailureReport.java doge-kernel-lib/target/surefire-reports}.
 */
final class FailureReport {
  private static final int FAILURES = 30;
  private static final int FIRST_LINES = 3;
  private static final int LAST_LINES = 4;
  private static final int LINE_LENGTH = 240;

  private FailureReport() {}

  /** Prints the report of the folders given; those that are not there have no failures. */
  public static void main(String... folders)
      throws IOException, ParserConfigurationException, SAXException {
    for (String line : lines(Stream.of(folders).map(Path::of).toList())) {
      System.out.println(line);
    }
  }

  static List<String> lines(List<Path> folders)
      throws IOException, ParserConfigurationException, SAXException {
    List<List<String>> failures = new ArrayList<>();
    for (Path folder : folders) {
      if (Files.isDirectory(folder)) {
        try (DirectoryStream<Path> reports = Files.newDirectoryStream(folder, "TEST-*.xml")) {
          for (Path report : reports) {
            failures.addAll(failures(report));
          }
        }
      }
    }
    if (failures.isEmpty()) {
      return List.of("no test failed; Maven's [ERROR] lines above say what did");
    }
    List<String> lines = new ArrayList<>();
    lines.add(failures.size() == 1 ? "1 test failed:" : failures.size() + " tests failed:");
    failures.stream().limit(FAILURES).forEach(lines::addAll);
    if (failures.size() > FAILURES) {
      lines.add("  and " + (failures.size() - FAILURES) + " more");
    }
    lines.add("what they printed: CLASS-output.txt in " + folders.get(0));
    return lines;
  }

  private static List<List<String>> failures(Path report)
      throws IOException, ParserConfigurationException, SAXException {
    if (Files.size(report) == 0) { // the virtual machine of the class ended early
      return List.of(List.of("  " + report.getFileName() + " is empty: its tests were cut off"));
    }
    Element suite =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(report.toFile())
            .getDocumentElement();
    return elements(suite, "testcase")
        .flatMap(
            test ->
                Stream.of("failure", "error")
                    .flatMap(kind -> elements(test, kind))
                    .map(failure -> describe(test, failure)))
        .toList();
  }

  private static List<String> describe(Element test, Element failure) {
    String name = test.getAttribute("classname");
    List<String> lines = new ArrayList<>();
    String method = test.getAttribute("name");
    // what goes wrong before or after all tests of a class has no name
    lines.add("  " + name + (method.isEmpty() ? "" : "." + method));
    String message = failure.getAttribute("message");
    List<String> said =
        (message.isBlank() ? failure.getAttribute("type") : message)
            .lines()
            .filter(line -> !line.isBlank())
            .map(line -> line.length() > LINE_LENGTH ? line.substring(0, LINE_LENGTH) + "…" : line)
            .map(line -> "    " + line.strip())
            .toList();
    if (said.size() <= FIRST_LINES + LAST_LINES) {
      lines.addAll(said);
    } else { // AssertJ says first what it looked at, and last what is wrong with it
      lines.addAll(said.subList(0, FIRST_LINES));
      lines.add("    …");
      lines.addAll(said.subList(said.size() - LAST_LINES, said.size()));
    }
    List<String> frames =
        failure
            .getTextContent()
            .lines()
            .map(String::strip)
            .filter(line -> line.startsWith("at dev.smalldoge."))
            .toList();
    frames.stream()
        .filter(frame -> frame.startsWith("at " + name))
        .findFirst()
        .or(() -> frames.stream().findFirst())
        .ifPresent(frame -> lines.add("    " + frame));
    return lines;
  }

  private static Stream<Element> elements(Element parent, String name) {
    NodeList found = parent.getElementsByTagName(name);
    return IntStream.range(0, found.getLength()).mapToObj(found::item).map(Element.class::cast);
  }
}
