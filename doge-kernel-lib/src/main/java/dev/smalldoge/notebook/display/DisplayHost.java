package dev.smalldoge.notebook.display;

/** Where values are shown: a notebook kernel, or a terminal. */
public interface DisplayHost {
  /** Shows {@code rendering} now; a later {@link #update} names it by {@code id}. */
  void show(String id, Rendering rendering);

  /** Replaces what was shown under {@code id}, in place if the host can. */
  void update(String id, Rendering rendering);

  /** Whether the host shows HTML and replaces in place; a terminal does not. */
  boolean isRich();
}
