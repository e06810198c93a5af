package dev.smalldoge.notebook.kernel;

import dev.smalldoge.config.DogeException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jdk.jshell.DeclarationSnippet;
import jdk.jshell.Diag;
import jdk.jshell.EvalException;
import jdk.jshell.JShell;
import jdk.jshell.JShellException;
import jdk.jshell.Snippet;
import jdk.jshell.SnippetEvent;
import jdk.jshell.UnresolvedReferenceException;

/** Tells what went wrong in a cell, in the user's terms: cells and lines, not wrapper classes. */
final class ErrorReport {
  private static final String RED = "\u001b[1;31m";
  private static final String PLAIN = "\u001b[0m";
  private static final int MAX_FRAMES = 12;
  private static final Pattern WRAPPER = Pattern.compile("REPL\\.\\$JShell\\$(\\d+)[A-Z]*(\\$.*)?");

  private final Map<String, Place> places = new HashMap<>();

  /**
   * Where a snippet stands.
   *
   * @param name the cell or script
   * @param line lines of it before the snippet
   * @param source the whole text of the cell
   */
  record Place(String name, int line, String source) {
    String lineText(int number) {
      List<String> lines = source.lines().toList();
      return number >= 1 && number <= lines.size() ? lines.get(number - 1) : "";
    }
  }

  /** Remembers where the snippet {@code id} came from, for later stack traces. */
  void remember(String id, Place place) {
    places.put(id, place);
  }

  CellError incomplete(String name, String source, int line) {
    Place place = new Place(name, line, source);
    String message = "The code ends too early: a closing bracket, quote or semicolon is missing";
    return new CellError(
        "Incomplete",
        message,
        List.of(heading(message), "  " + where(name, line + 1) + "  " + place.lineText(line + 1)));
  }

  CellError interrupted(String name, String frame) {
    String message = "Interrupted in " + (frame == null ? name : frame);
    return new CellError("Interrupted", message, List.of(heading(message)));
  }

  CellError rejected(JShell shell, Snippet snippet, Place place) {
    List<String> lines = new ArrayList<>();
    String first = null;
    for (Diag diag : shell.diagnostics(snippet).filter(Diag::isError).toList()) {
      CompilerMessage message = CompilerMessage.of(shell, snippet.source(), diag);
      first = first == null ? message.text().lines().findFirst().orElse("") : first;
      lines.add(heading(message.text()));
      lines.addAll(excerpt(snippet.source(), message, place));
    }
    if (first == null && snippet instanceof DeclarationSnippet) {
      first = needs(shell, snippet);
      lines.add(heading(first));
    }
    if (first == null) {
      first = "Not valid Java";
      lines.add(heading(first));
    }
    return new CellError("CompilationError", first, lines);
  }

  /** The offending lines with the offending span marked below. */
  private static List<String> excerpt(String source, CompilerMessage message, Place place) {
    int start = message.start();
    int lineStart = source.lastIndexOf('\n', start - 1) + 1;
    int lineEnd = source.indexOf('\n', start) < 0 ? source.length() : source.indexOf('\n', start);
    int line = place.line + (int) source.substring(0, start).chars().filter(c -> c == '\n').count();
    String margin = "  " + where(place.name, line + 1) + "  ";
    int marked = Math.max(1, Math.min(message.end(), lineEnd) - start);
    return List.of(
        margin + source.substring(lineStart, lineEnd),
        " ".repeat(margin.length() + start - lineStart) + RED + "^".repeat(marked) + PLAIN);
  }

  CellError unresolved(JShell shell, SnippetEvent event) {
    String message = needs(shell, ((UnresolvedReferenceException) event.exception()).getSnippet());
    return new CellError("CompilationError", message, List.of(heading(message)));
  }

  /** What a declaration that cannot be used yet waits for. */
  static String needs(JShell shell, Snippet snippet) {
    DeclarationSnippet declaration = (DeclarationSnippet) snippet;
    return declaration.name()
        + " needs "
        + String.join(", ", shell.unresolvedDependencies(declaration).toList())
        + ", and no cell declares it; mend the name, or declare it before "
        + declaration.name()
        + " is used";
  }

  /** What ended a thread that a cell started; nobody waits for it, so it is only told. */
  String uncaught(Thread thread, Throwable thrown) {
    List<String> frames = frames(thrown, null);
    return "Thread \""
        + thread.getName()
        + "\" ended by "
        + readable(thrown.toString())
        + (frames.isEmpty() ? "" : "\n    at " + String.join("\n    at ", frames));
  }

  /**
   * What {@code thrown} says and where.
   *
   * @param seen the same exception with its frames translated by JShell, or null
   */
  CellError thrown(Throwable thrown, JShellException seen, Place place, Interrupter interrupter) {
    List<String> frames = frames(thrown, seen);
    String user = frames.stream().filter(f -> f.contains("line ")).findFirst().orElse(null);
    if (interrupter.timedOut() && isInterrupt(thrown)) {
      String message = "Stopped after the time that IJAVA_TIMEOUT allows, in " + user;
      return new CellError("Timeout", message, List.of(heading(message)));
    }
    if (interrupter.interrupted() && isInterrupt(thrown) && !(thrown instanceof DogeException)) {
      return interrupted(place.name, user != null ? user : where(place.name, place.line + 1));
    }
    if (thrown instanceof DogeException e) {
      return new CellError("DogeException", e.getMessage(), List.of(heading(e.getMessage())));
    }
    List<String> lines = new ArrayList<>();
    String advice = Advice.of(thrown);
    if (advice != null) {
      lines.add(heading(advice));
    }
    Throwable cause = thrown;
    JShellException seenCause = seen;
    String prefix = "";
    for (int depth = 0; cause != null && depth < 8; depth++) {
      lines.add(heading(prefix + readable(cause.toString())));
      frames(cause, seenCause).forEach(frame -> lines.add("    at " + frame));
      prefix = "Caused by: ";
      cause = cause.getCause();
      seenCause = seenCause != null && seenCause.getCause() instanceof JShellException e ? e : null;
    }
    String message = advice != null ? advice : readable(String.valueOf(thrown.getMessage()));
    return new CellError(thrown.getClass().getName(), message, lines);
  }

  private static boolean isInterrupt(Throwable thrown) {
    for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
      if (cause instanceof InterruptedException
          || cause instanceof java.io.InterruptedIOException
          || cause instanceof java.nio.channels.ClosedByInterruptException
          || cause instanceof java.util.concurrent.CancellationException
          || cause instanceof ThreadDeath) {
        return true;
      }
    }
    return false;
  }

  /**
   * The user's frames, in cells and lines. A frame of somebody else's code stands only first, where
   * it threw, and not if that is the JDK, whose message says as much.
   */
  private List<String> frames(Throwable thrown, JShellException seen) {
    StackTraceElement[] raw =
        seen instanceof EvalException ? seen.getStackTrace() : thrown.getStackTrace();
    List<String> frames = new ArrayList<>();
    for (int i = 0; i < raw.length; i++) {
      String frame = userFrame(raw[i]);
      if (frame == null && i == 0 && !isPlatform(raw[i])) {
        frame = raw[i].toString();
      }
      if (frame != null && !(frames.size() > 0 && frames.get(frames.size() - 1).equals(frame))) {
        frames.add(frame);
      }
    }
    if (frames.size() <= MAX_FRAMES) {
      return frames;
    }
    List<String> ends = new ArrayList<>(frames.subList(0, MAX_FRAMES / 2));
    ends.add("… " + (frames.size() - MAX_FRAMES) + " more");
    ends.addAll(frames.subList(frames.size() - MAX_FRAMES / 2, frames.size()));
    return ends;
  }

  /** The cell, line and method of {@code element}, or null if no cell has it. */
  private String userFrame(StackTraceElement element) {
    String file = element.getFileName();
    String method = element.getMethodName();
    if (file != null && file.startsWith("#") && places.containsKey(file.substring(1))) {
      Place place = places.get(file.substring(1));
      int line = place.line + element.getLineNumber();
      String text = place.lineText(line).strip();
      return where(place.name, line) + in(method) + (text.isEmpty() ? "" : ":  " + text);
    }
    // as another thread or a renderer sees it, which JShell does not translate
    Matcher wrapper = WRAPPER.matcher(element.getClassName());
    return wrapper.matches() && places.containsKey(wrapper.group(1))
        ? places.get(wrapper.group(1)).name + in(method.equals("do_it$") ? "" : method)
        : null;
  }

  private static String in(String method) {
    return method.isEmpty() || method.startsWith("lambda$") ? "" : " in " + method;
  }

  private static boolean isPlatform(StackTraceElement element) {
    return element.getModuleName() != null;
  }

  /** {@code text} without the names of the classes that JShell puts around a cell's code. */
  private static String readable(String text) {
    return text.replaceAll("REPL\\.\\$JShell\\$\\w+[.$]", "");
  }

  private static String where(String name, int line) {
    return name + ", line " + line;
  }

  private static String heading(String text) {
    return RED + text.replace("\n", PLAIN + "\n" + RED) + PLAIN;
  }
}
