package dev.smalldoge.notebook.kernel;

import com.google.errorprone.annotations.Keep;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import jdk.jshell.execution.LocalExecutionControl;
import jdk.jshell.spi.ExecutionControl;

/**
 * Runs snippets in this JVM, on the cell thread, and keeps the real result and the real Throwable.
 *
 * <p>On JDK 22 and later the parent class weaves a check into every loop of the snippets, which
 * {@link #stop} switches; before that, stop is Thread.stop.
 */
final class CellExecutionControl extends LocalExecutionControl {
  private static final Method NOTHING = nothingMethod();

  private final CellThread cellThread;
  private final HeldValues held = new HeldValues();
  private List<String> declared = List.of();
  private BooleanSupplier interrupted = () -> false;
  private Thread.UncaughtExceptionHandler uncaught = (thread, e) -> {};
  private CellThread.Outcome outcome;
  private Class<?> lastClass;

  CellExecutionControl(CellThread cellThread) {
    this.cellThread = cellThread;
  }

  /** Stands in for a snippet, so that the parent class prepares its stop check. */
  @Keep
  private static void nothing() {}

  private static Method nothingMethod() {
    try {
      Method method = CellExecutionControl.class.getDeclaredMethod("nothing");
      method.setAccessible(true); // the caller is the JDK's class in another module
      return method;
    } catch (NoSuchMethodException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void load(ClassBytecodes[] classes)
      throws ClassInstallException, NotImplementedException, EngineTerminationException {
    super.load(
        Stream.of(classes)
            .map(one -> new ClassBytecodes(one.name(), ExitGuard.rewritten(one.bytecodes())))
            .toArray(ClassBytecodes[]::new));
  }

  @Override
  protected String invoke(Method snippet) throws Exception {
    super.invoke(NOTHING);
    Thread.setDefaultUncaughtExceptionHandler(uncaught); // the parent's own says nothing
    List<String> released = declared;
    declared = List.of();
    CellThread.Outcome now = cellThread.call(() -> run(snippet, released));
    if (now.thrown() instanceof InvocationTargetException e) {
      now = new CellThread.Outcome(null, e.getCause());
    }
    outcome = now;
    lastClass = snippet.getDeclaringClass(); // after the run, which may run snippets itself
    if (now.thrown() instanceof ThreadDeath) {
      throw new ExecutionControl.StoppedException();
    }
    if (now.thrown() != null) {
      throw new InvocationTargetException(now.thrown());
    }
    return ""; // the shell wants a text, but the result stays an object
  }

  private Object run(Method snippet, List<String> released) throws Exception {
    if (interrupted.getAsBoolean()) {
      throw new InterruptedException(); // it came while this snippet was compiled
    }
    for (String name : released) {
      held.release(name);
    }
    Thread.currentThread().setContextClassLoader(snippet.getDeclaringClass().getClassLoader());
    return snippet.invoke(null);
  }

  /** Runs no snippet while {@code condition} holds: the cell was interrupted. */
  void refuseWhile(BooleanSupplier condition) {
    interrupted = condition;
  }

  /** Tells {@code handler} what ends a thread that a cell started. */
  void tellUncaught(Thread.UncaughtExceptionHandler handler) {
    uncaught = handler;
  }

  /**
   * Tells which variables the next snippet declares: what they held is given back once the snippet
   * has compiled, before it runs.
   */
  void declares(List<String> names) {
    declared = names;
  }

  /** Remembers where the last snippet keeps the variable {@code name}. */
  void remember(String name) {
    held.remember(name, lastClass);
  }

  /** What the last snippet came to, once; null if it did not run. */
  CellThread.Outcome takeOutcome() {
    CellThread.Outcome taken = outcome;
    outcome = null;
    return taken;
  }

  /** Clears the static field that JShell keeps for the unnamed result {@code name}. */
  void forget(String name) {
    try {
      var field = lastClass.getDeclaredField(name);
      field.setAccessible(true);
      if (!field.getType().isPrimitive()) {
        field.set(null, null);
      }
    } catch (ReflectiveOperationException e) {
      Main.log("cannot clear " + name + ": " + e);
    }
  }
}
