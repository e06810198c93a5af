package dev.smalldoge.notebook.kernel;

import dev.smalldoge.notebook.display.Displays;
import java.util.List;
import java.util.Map;

/** Does what every session does first, so that a class-data archive holds those classes. */
final class Rehearsal {
  private static final List<String> CELLS =
      List.of(
          "var numbers = List.of(1, 2, 3);",
          "record Pair(String name, double value) {}\nnew Pair(\"a\", 1.5)",
          "for (int i = 0; i < 3; i++) System.out.println(i);\nnumbers.stream().map(n -> n * 2).toList()",
          "Table.create(\"t\", DoubleColumn.create(\"x\", 1, 2))");

  private Rehearsal() {}

  /** Runs a few cells and ends. */
  public static void main(String... arguments) throws CellError {
    try (Session session = new Session(Settings.of(Map.of()))) {
      int number = 1;
      for (String cell : CELLS) {
        Displays.render(session.run(cell, number++));
      }
    }
    System.exit(0); // the archive is written at the exit
  }
}
