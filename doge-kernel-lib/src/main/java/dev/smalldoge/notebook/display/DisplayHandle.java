package dev.smalldoge.notebook.display;

import java.util.UUID;

/**
 * A value on display, to be replaced in place.
 *
 * <p>Example: {@code var counter = show(0); for (int i = 1; i < 9; i++) counter.update(i);}
 */
public final class DisplayHandle {
  private final String id = UUID.randomUUID().toString();
  private final DisplayHost host;

  DisplayHandle(DisplayHost host) {
    this.host = host;
  }

  /** The Jupyter display id. */
  public String id() {
    return id;
  }

  /** Whether the host shows HTML and replaces in place. */
  public boolean isRich() {
    return host.isRich();
  }

  /** Shows {@code value} in the place of what was shown before. */
  public void update(Object value) {
    host.update(id, Displays.render(value));
  }

  void show(Object value) {
    host.show(id, Displays.render(value));
  }

  @Override
  public String toString() {
    return "display " + id;
  }
}
