package dev.smalldoge.notebook.display;

import java.util.List;
import java.util.stream.Stream;

/**
 * A Markdown table, which a terminal shows as it is and a notebook as a table.
 *
 * @param markdown header, rule, rows
 */
public record MarkdownTable(String markdown) {
  /** The table as HTML. */
  public String toHtml() {
    List<List<String>> lines = markdown.strip().lines().map(MarkdownTable::cells).toList();
    List<List<String>> rows = lines.subList(2, lines.size());
    return TableHtml.html(lines.get(0), rows, "", "white-space:nowrap;"); // a row's name
  }

  private static List<String> cells(String line) {
    String[] cells = line.split("\\|", -1);
    return Stream.of(cells).skip(1).limit(cells.length - 2).map(String::strip).toList();
  }

  @Override
  public String toString() {
    return markdown;
  }
}
