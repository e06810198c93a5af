package dev.smalldoge.notebook;

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
    List<String> lines = markdown.strip().lines().toList();
    StringBuilder html = new StringBuilder("<table><thead>");
    html.append(row(lines.get(0), "th")).append("</thead><tbody>");
    lines.stream().skip(2).forEach(line -> html.append(row(line, "td")));
    return html.append("</tbody></table>").toString();
  }

  private static String row(String line, String tag) {
    StringBuilder row = new StringBuilder("<tr>");
    String[] cells = line.split("\\|", -1);
    Stream.of(cells)
        .skip(1)
        .limit(cells.length - 2)
        .forEach(
            cell ->
                row.append('<')
                    .append(tag)
                    .append('>')
                    .append(escape(cell.strip()))
                    .append("</")
                    .append(tag)
                    .append('>'));
    return row.append("</tr>").toString();
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }

  @Override
  public String toString() {
    return markdown;
  }
}
