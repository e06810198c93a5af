package dev.smalldoge.notebook.kernel;

import java.util.List;

/** Why a cell did not finish, as the notebook shows it. */
final class CellError extends Exception {
  private final String name;
  private final transient List<String> lines;

  /** An error called {@code name} that shows {@code lines}. */
  CellError(String name, String message, List<String> lines) {
    super(message, null, false, false);
    this.name = name;
    this.lines = List.copyOf(lines);
  }

  String name() {
    return name;
  }

  List<String> lines() {
    return lines;
  }
}
