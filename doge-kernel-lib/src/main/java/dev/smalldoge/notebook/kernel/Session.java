package dev.smalldoge.notebook.kernel;

import dev.smalldoge.notebook.DefaultImports;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import jdk.jshell.JShell;
import jdk.jshell.Snippet;
import jdk.jshell.SnippetEvent;
import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.SourceCodeAnalysis.Completeness;
import jdk.jshell.SourceCodeAnalysis.CompletionInfo;
import jdk.jshell.UnresolvedReferenceException;
import jdk.jshell.VarSnippet;
import jdk.jshell.spi.ExecutionControlProvider;

/** The user's Java session: what cells declare, and how they run, end and are interrupted. */
final class Session implements AutoCloseable {
  /** What a cell returns whose last line is not an expression. */
  static final Object NOTHING = new Object();

  private final CellThread cellThread = new CellThread();
  private final CellExecutionControl control = new CellExecutionControl(cellThread);
  private final Interrupter interrupter = new Interrupter(cellThread, control);
  private final ErrorReport errors = new ErrorReport();
  private final Settings settings;
  private final JShell shell;
  private boolean prepared;

  Session(Settings settings) {
    this.settings = settings;
    control.tellUncaught((thread, e) -> System.err.println(errors.uncaught(thread, e)));
    shell =
        JShell.builder()
            .executionEngine(new Provider(control), Map.of())
            .compilerOptions(settings.compilerOptions().toArray(String[]::new))
            .build();
    settings.classPath().forEach(path -> shell.addToClasspath(path.toString()));
  }

  /** Hands the shell the one control that this session has. */
  private record Provider(CellExecutionControl control) implements ExecutionControlProvider {
    @Override
    public String name() {
      return "cell";
    }

    @Override
    public jdk.jshell.spi.ExecutionControl generate(
        jdk.jshell.spi.ExecutionEnv environment, Map<String, String> parameters) {
      return control;
    }
  }

  /** Imports the defaults and runs the startup scripts, before the first cell. */
  synchronized void prepare() throws CellError {
    if (prepared) {
      return;
    }
    prepared = true;
    for (String line : DefaultImports.kernel()) {
      shell.eval(line);
    }
    for (Settings.Script script : settings.startupScripts()) {
      evaluate(script.source(), script.name());
    }
  }

  /**
   * Runs cell {@code number}.
   *
   * @return the value of its last expression, or {@link #NOTHING}
   */
  Object run(String source, int number) throws CellError {
    interrupter.beginCell();
    prepare();
    return evaluate(source, "cell " + number);
  }

  /** Runs {@code source} inside the running cell, as its {@code eval} and magics do. */
  Object evaluate(String source, String place) throws CellError {
    SourceCodeAnalysis analysis = shell.sourceCodeAnalysis();
    Object last = NOTHING;
    List<Unfinished> unfinished = new ArrayList<>();
    String rest = source;
    while (true) {
      rest = rest.stripLeading(); // JShell counts lines from the first character of a snippet
      CompletionInfo next = analysis.analyzeCompletion(rest);
      if (next.completeness() == Completeness.EMPTY) {
        requireFinished(unfinished);
        return last;
      }
      int line = lines(source.substring(0, source.length() - rest.length()));
      if (next.completeness() == Completeness.DEFINITELY_INCOMPLETE
          || next.completeness() == Completeness.CONSIDERED_INCOMPLETE) {
        throw errors.incomplete(place, source, line);
      }
      if (interrupter.interrupted()) {
        throw errors.interrupted(place, place + ", line " + (line + 1));
      }
      String snippet = next.source() == null ? rest : next.source();
      last = evaluateOne(snippet, new ErrorReport.Place(place, line, source), unfinished);
      rest = next.remaining() == null ? "" : next.remaining();
    }
  }

  /**
   * A declaration that needs another one, which may follow in the same cell. A method that is
   * called only later may wait for it, but is told to.
   */
  private record Unfinished(Snippet snippet, ErrorReport.Place place) {}

  private void requireFinished(List<Unfinished> declarations) throws CellError {
    for (Unfinished declaration : declarations) {
      if (shell.status(declaration.snippet) == Snippet.Status.RECOVERABLE_NOT_DEFINED) {
        throw errors.rejected(shell, declaration.snippet, declaration.place);
      }
      if (shell.status(declaration.snippet) == Snippet.Status.RECOVERABLE_DEFINED) {
        System.err.println(ErrorReport.needs(shell, declaration.snippet));
      }
    }
  }

  private Object evaluateOne(String source, ErrorReport.Place place, List<Unfinished> unfinished)
      throws CellError {
    control.declares(declaredVariables(source));
    List<SnippetEvent> events = interrupter.within(settings.timeout(), () -> shell.eval(source));
    CellThread.Outcome outcome = control.takeOutcome();
    Object value = NOTHING;
    for (SnippetEvent event : events) {
      if (event.causeSnippet() != null) {
        continue; // an older snippet that this one changed
      }
      Snippet snippet = event.snippet();
      errors.remember(snippet.id(), place);
      if (outcome != null && snippet instanceof VarSnippet variable && !isExpression(snippet)) {
        control.remember(variable.name());
      }
      if (event.exception() instanceof UnresolvedReferenceException) {
        forgetUnnamed(snippet);
        throw errors.unresolved(shell, event);
      }
      if (outcome != null && outcome.thrown() != null) {
        forgetUnnamed(snippet);
        throw errors.thrown(outcome.thrown(), event.exception(), place, interrupter);
      }
      if (event.status() == Snippet.Status.RECOVERABLE_NOT_DEFINED
          || event.status() == Snippet.Status.RECOVERABLE_DEFINED) {
        unfinished.add(new Unfinished(snippet, place));
      } else if (!event.status().isDefined()) {
        throw errors.rejected(shell, snippet, place);
      }
      if (isExpression(snippet)) {
        value = Objects.requireNonNull(outcome, "the snippet did not run").value();
        forgetUnnamed(snippet);
      }
    }
    return value;
  }

  private List<String> declaredVariables(String source) {
    return shell.sourceCodeAnalysis().sourceToSnippets(source).stream()
        .filter(VarSnippet.class::isInstance)
        .filter(snippet -> !isExpression(snippet))
        .map(snippet -> ((VarSnippet) snippet).name())
        .toList();
  }

  private static boolean isExpression(Snippet snippet) {
    return switch (snippet.subKind()) {
      case VAR_VALUE_SUBKIND, OTHER_EXPRESSION_SUBKIND, TEMP_VAR_EXPRESSION_SUBKIND -> true;
      default -> false;
    };
  }

  /** JShell keeps every unnamed result for ever, so a model that was shown once: let it go. */
  private void forgetUnnamed(Snippet snippet) {
    if (snippet.subKind() == Snippet.SubKind.TEMP_VAR_EXPRESSION_SUBKIND) {
      control.forget(((VarSnippet) snippet).name());
      shell.drop(snippet);
    }
  }

  /** Runs kernel code that calls the user's, such as toString, where it can be interrupted. */
  <T> T call(Callable<T> code, int number) throws CellError {
    CellThread.Outcome outcome = cellThread.call(code);
    if (outcome.thrown() instanceof CellError e) {
      throw e;
    }
    if (outcome.thrown() != null) {
      ErrorReport.Place place = new ErrorReport.Place("cell " + number, 0, "");
      throw errors.thrown(outcome.thrown(), null, place, interrupter);
    }
    @SuppressWarnings("unchecked")
    T value = (T) outcome.value();
    return value;
  }

  Interrupter interrupter() {
    return interrupter;
  }

  /** IPython's words for whether {@code code} is ready to run, or the next line's indent. */
  String isComplete(String code) {
    String rest = code;
    while (true) {
      CompletionInfo next = shell.sourceCodeAnalysis().analyzeCompletion(rest);
      switch (next.completeness()) {
        case EMPTY, COMPLETE_WITH_SEMI -> {
          return "complete";
        }
        case UNKNOWN -> {
          return "invalid";
        }
        case DEFINITELY_INCOMPLETE, CONSIDERED_INCOMPLETE -> {
          return "  ".repeat(Math.max(1, openBrackets(code)));
        }
        case COMPLETE -> rest = next.remaining();
      }
    }
  }

  private static int openBrackets(String code) {
    return (int)
        (code.chars().filter(c -> c == '{').count() - code.chars().filter(c -> c == '}').count());
  }

  JShell shell() {
    return shell;
  }

  void addToClassPath(List<Path> paths) {
    paths.forEach(path -> shell.addToClasspath(path.toAbsolutePath().toString()));
  }

  private static int lines(String text) {
    return (int) text.chars().filter(c -> c == '\n').count();
  }

  @Override
  public void close() {
    shell.close();
  }
}
