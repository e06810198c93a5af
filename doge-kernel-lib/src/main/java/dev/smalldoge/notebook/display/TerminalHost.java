package dev.smalldoge.notebook.display;

/** Prints the plain text: what is left where nothing richer can be shown. */
final class TerminalHost implements DisplayHost {
  @Override
  public void show(String id, Rendering rendering) {
    System.out.println(rendering.text());
  }

  @Override
  public void update(String id, Rendering rendering) {
    System.out.println(rendering.text());
  }

  @Override
  public boolean isRich() {
    return false;
  }
}
