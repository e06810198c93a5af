package dev.smalldoge.notebook.kernel;

import com.google.errorprone.annotations.Keep;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
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
  protected String invoke(Method snippet) throws Exception {
    super.invoke(NOTHING);
    CellThread.Outcome now = cellThread.call(() -> run(snippet));
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

  private static Object run(Method snippet) throws ReflectiveOperationException {
    Thread.currentThread().setContextClassLoader(snippet.getDeclaringClass().getClassLoader());
    return snippet.invoke(null);
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
