package dev.smalldoge.notebook;

import com.google.errorprone.annotations.FormatMethod;
import dev.smalldoge.notebook.display.DisplayHandle;
import dev.smalldoge.notebook.display.Displays;
import dev.smalldoge.notebook.display.Rendering;

/** The functions that every cell and every JShell session has without an import. */
public final class Notebook {
  private Notebook() {}

  /**
   * Shows {@code value} and returns a handle that replaces it in place.
   *
   * <p>Example: {@code var counter = show("0 %"); counter.update("50 %");}
   */
  public static DisplayHandle show(Object value) {
    return Displays.show(value);
  }

  /**
   * Shows {@code value} as its own best form and returns the id for {@code updateDisplay}, as IJava
   * does; {@link #show} returns a handle instead.
   */
  public static String display(Object value) {
    return Displays.show(value).id();
  }

  /** Shows {@code value}'s text as each of the MIME types {@code as}, and returns the id. */
  public static String display(Object value, String... as) {
    return Displays.show(as(value, as)).id();
  }

  /** Replaces what {@link #display} showed. */
  public static void updateDisplay(String id, Object value) {
    Displays.host().update(id, Displays.render(value));
  }

  /** Replaces what {@link #display} showed by {@code value}'s text as the MIME types {@code as}. */
  public static void updateDisplay(String id, Object value, String... as) {
    Displays.host().update(id, as(value, as));
  }

  /** Prints as {@code System.out.printf} does. */
  @FormatMethod
  public static void printf(String format, Object... arguments) {
    System.out.printf(format, arguments);
  }

  private static Rendering as(Object value, String... mimeTypes) {
    Rendering known = Displays.render(value);
    Rendering asked = Rendering.text(known.text());
    for (String mimeType : mimeTypes) {
      asked = asked.with(mimeType, known.data().getOrDefault(mimeType, String.valueOf(value)));
    }
    return asked;
  }
}
