package dev.smalldoge.notebook.kernel;

import java.lang.reflect.Field;
import java.util.HashMap;
import java.util.Map;

/**
 * What the cells' variables hold. JShell keeps the value of a variable that is declared again for
 * ever; here a cell that runs again gives back what it held, before it makes the new one.
 */
final class HeldValues {
  private final Map<String, Field> fields = new HashMap<>();

  /** Remembers that the snippet's class {@code holder} has the variable {@code name}. */
  void remember(String name, Class<?> holder) {
    try {
      Field field = holder.getDeclaredField(name);
      field.setAccessible(true);
      if (field.getType().isPrimitive()) {
        fields.remove(name);
      } else {
        fields.put(name, field);
      }
    } catch (NoSuchFieldException e) {
      Main.log("cannot find the variable " + name + ": " + e);
    }
  }

  /**
   * Forgets what the variable {@code name} held. A model, a run or a server of this library is
   * closed, so that its memory is free for the next, unless another variable holds it too.
   */
  void release(String name) throws Exception {
    Field field = fields.remove(name);
    if (field == null) {
      return;
    }
    Object value = field.get(null);
    field.set(null, null);
    if (value instanceof AutoCloseable closeable && isOurs(value) && !isHeld(value)) {
      closeable.close();
    }
  }

  private static boolean isOurs(Object value) {
    return value.getClass().getName().startsWith("dev.smalldoge.");
  }

  private boolean isHeld(Object value) throws IllegalAccessException {
    for (Field field : fields.values()) {
      if (field.get(null) == value) {
        return true;
      }
    }
    return false;
  }
}
