package dev.smalldoge.notebook.kernel;

import dev.smalldoge.config.DogeException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
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
      String message = diag.getMessage(Locale.ROOT).strip();
      first = first == null ? message.lines().findFirst().orElse("") : first;
      lines.add(heading(message));
      lines.addAll(excerpt(snippet.source(), diag, place));
    }
    if (first == null && snippet instanceof DeclarationSnippet declaration) {
      first =
          "Needs a declaration of "
              + String.join(", ", shell.unresolvedDependencies(declaration).toList());
      lines.add(heading(first));
    }
    if (first == null) {
      first = "Not valid Java";
      lines.add(heading(first));
    }
    return new CellError("CompilationError", first, lines);
  }

  /** The offending lines with the offending span marked below. */
  private static List<String> excerpt(String source, Diag diag, Place place) {
    int start = (int) Math.max(0, Math.min(diag.getStartPosition(), source.length()));
    int end = (int) Math.max(start, Math.min(diag.getEndPosition(), source.length()));
    int lineStart = source.lastIndexOf('\n', start - 1) + 1;
    int lineEnd = source.indexOf('\n', start) < 0 ? source.length() : source.indexOf('\n', start);
    int line = place.line + (int) source.substring(0, start).chars().filter(c -> c == '\n').count();
    String margin = "  " + where(place.name, line + 1) + "  ";
    int marked = Math.max(1, Math.min(end, lineEnd) - start);
    return List.of(
        margin + source.substring(lineStart, lineEnd),
        " ".repeat(margin.length() + start - lineStart) + RED + "^".repeat(marked) + PLAIN);
  }

  CellError unresolved(JShell shell, SnippetEvent event, Place place) {
    if (event.exception() instanceof UnresolvedReferenceException e) {
      String missing = String.join(", ", shell.unresolvedDependencies(e.getSnippet()).toList());
      String message = "A method that is called here still needs " + missing;
      return new CellError("CompilationError", message, List.of(heading(message)));
    }
    return new CellError(
        "Error", String.valueOf(event.exception()), List.of(heading(event.exception().toString())));
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
      lines.add(heading(prefix + cause));
      frames(cause, seenCause).forEach(frame -> lines.add("    at " + frame));
      prefix = "Caused by: ";
      cause = cause.getCause();
      seenCause = seenCause != null && seenCause.getCause() instanceof JShellException e ? e : null;
    }
    String message = advice != null ? advice : String.valueOf(thrown.getMessage());
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

  /** The frames down to the user's last one, in cells and lines where they are the user's. */
  private List<String> frames(Throwable thrown, JShellException seen) {
    StackTraceElement[] raw =
        seen instanceof EvalException ? seen.getStackTrace() : thrown.getStackTrace();
    List<String> frames = new ArrayList<>();
    int last = -1;
    for (StackTraceElement element : raw) {
      if (element.getClassName().startsWith("dev.smalldoge.notebook.kernel.")
          || element.getClassName().startsWith("jdk.internal.reflect.")) {
        continue;
      }
      String file = element.getFileName();
      Place place = file != null && file.startsWith("#") ? places.get(file.substring(1)) : null;
      if (place != null) {
        int line = place.line + element.getLineNumber();
        String method = element.getMethodName();
        String text = place.lineText(line).strip();
        frames.add(
            where(place.name, line)
                + (method.isEmpty() || method.startsWith("lambda$") ? "" : " in " + method)
                + (text.isEmpty() ? "" : ":  " + text));
        last = frames.size();
      } else {
        frames.add(element.toString());
      }
    }
    List<String> cut = last > 0 ? frames.subList(0, last) : frames;
    if (cut.size() <= MAX_FRAMES) {
      return cut;
    }
    List<String> ends = new ArrayList<>(cut.subList(0, MAX_FRAMES / 2));
    ends.add("… " + (cut.size() - MAX_FRAMES) + " more");
    ends.addAll(cut.subList(cut.size() - MAX_FRAMES / 2, cut.size()));
    return ends;
  }

  private static String where(String name, int line) {
    return name + ", line " + line;
  }

  private static String heading(String text) {
    return RED + text.replace("\n", PLAIN + "\n" + RED) + PLAIN;
  }
}
