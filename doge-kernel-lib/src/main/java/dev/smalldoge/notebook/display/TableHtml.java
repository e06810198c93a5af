package dev.smalldoge.notebook.display;

import java.lang.reflect.Array;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.BaseStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import tech.tablesaw.api.Table;
import tech.tablesaw.columns.Column;

/** Tables for values that have parts: a Tablesaw table, a record, a map, a list of records. */
final class TableHtml {
  private static final int MAX_ROWS = 50;
  private static final int MAX_TABLE_ROWS = 20;
  private static final int MAX_CELL = 300;
  private static final int MAX_ELEMENTS = 1_000;
  private static final int MAX_TEXT = 100_000; // a browser shows more only after seconds

  /** Digits with commas, a point, a sign, an exponent, a percent sign; or the dash for none. */
  private static final Pattern NUMBER =
      Pattern.compile("[-−]?\\d[\\d,]*(\\.\\d+)?([eE][-+]?\\d+)?( %)?|–|");

  /** What JShell puts before the name of a class that a cell declares. */
  private static final Pattern CELL_CLASS = Pattern.compile("REPL\\.\\$JShell\\$\\w+\\$");

  private TableHtml() {}

  static Rendering ofTable(Table table) {
    int shown = Math.min(MAX_TABLE_ROWS, table.rowCount());
    List<List<String>> rows =
        IntStream.range(0, shown)
            .mapToObj(row -> table.columns().stream().map(column -> cell(column, row)).toList())
            .toList();
    String caption =
        "%s%,d %s × %d %s%s"
            .formatted(
                table.name() == null || table.name().isBlank() ? "" : table.name() + ": ",
                table.rowCount(),
                table.rowCount() == 1 ? "row" : "rows",
                table.columnCount(),
                table.columnCount() == 1 ? "column" : "columns",
                shown < table.rowCount() ? ", the first " + shown : "");
    return Rendering.html(
        html(table.columnNames(), rows, caption), caption + "\n" + table.first(shown).print());
  }

  private static String cell(Column<?> column, int row) {
    return column.isMissing(row) ? "" : column.getString(row);
  }

  /** A value of no registered type. */
  static Rendering ofAny(Object value) {
    String text = cut(text(value));
    String own = ownHtml(value);
    if (own != null) {
      return Rendering.html(own, text);
    }
    if (value instanceof Record record) {
      return Rendering.html(html(List.of("", simpleName(value)), recordRows(record), ""), text);
    }
    if (value instanceof Map<?, ?> map && !map.isEmpty()) {
      return Rendering.html(html(List.of("key", "value"), mapRows(map), more(map.size())), text);
    }
    if (value instanceof Collection<?> values && !values.isEmpty()) {
      List<String> htmls = new ArrayList<>();
      values.stream().limit(MAX_ROWS).map(TableHtml::ownHtml).forEach(htmls::add);
      if (!htmls.contains(null)) {
        return Rendering.html(String.join("\n", htmls), text);
      }
    }
    if (value instanceof Collection<?> values && areRecordsOfOneType(values)) {
      return Rendering.html(recordsHtml(values), text);
    }
    return Rendering.text(text);
  }

  /** What {@code value}'s public {@code String toHtml()} returns, or null if it has none. */
  private static String ownHtml(Object value) {
    if (value == null || !Modifier.isPublic(value.getClass().getModifiers())) {
      return null;
    }
    try {
      Method method = value.getClass().getMethod("toHtml");
      return method.getReturnType() == String.class ? (String) method.invoke(value) : null;
    } catch (NoSuchMethodException | IllegalAccessException e) {
      return null;
    } catch (InvocationTargetException e) {
      throw new IllegalStateException(
          value.getClass().getName() + ".toHtml() failed", e.getCause());
    }
  }

  private static List<List<String>> recordRows(Record record) {
    List<List<String>> rows = new ArrayList<>();
    for (RecordComponent component : record.getClass().getRecordComponents()) {
      rows.add(List.of(component.getName(), text(component(record, component))));
    }
    return rows;
  }

  private static List<List<String>> mapRows(Map<?, ?> map) {
    return map.entrySet().stream()
        .limit(MAX_ROWS)
        .map(entry -> List.of(text(entry.getKey()), text(entry.getValue())))
        .toList();
  }

  private static boolean areRecordsOfOneType(Collection<?> values) {
    return !values.isEmpty()
        && values.stream().allMatch(Record.class::isInstance)
        && values.stream().map(Object::getClass).distinct().count() == 1;
  }

  private static String recordsHtml(Collection<?> records) {
    RecordComponent[] components = records.iterator().next().getClass().getRecordComponents();
    List<String> names =
        IntStream.range(0, components.length).mapToObj(i -> components[i].getName()).toList();
    List<List<String>> rows = new ArrayList<>();
    for (Object record : records) {
      if (rows.size() == MAX_ROWS) {
        break;
      }
      List<String> row = new ArrayList<>();
      for (RecordComponent component : components) {
        row.add(text(component(record, component)));
      }
      rows.add(row);
    }
    return html(names, rows, more(records.size()));
  }

  private static Object component(Object record, RecordComponent component) {
    try {
      Method accessor = component.getAccessor();
      accessor.setAccessible(true);
      return accessor.invoke(record);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("cannot read " + component, e);
    }
  }

  private static String more(int size) {
    return size > MAX_ROWS ? "the first %d of %,d".formatted(MAX_ROWS, size) : "";
  }

  /** The value as plain text; arrays show their elements, and long collections the first. */
  static String text(Object value) {
    if (value instanceof Collection<?> values && values.size() > MAX_ELEMENTS) {
      return "[" + first(values.iterator(), values.size()) + "]";
    }
    if (value instanceof Map<?, ?> map && map.size() > MAX_ELEMENTS) {
      return "{" + first(map.entrySet().iterator(), map.size()) + "}";
    }
    if (value instanceof BaseStream<?, ?>) {
      return "a stream that has not run yet; "
          + (value instanceof Stream ? "toList()" : "toArray()")
          + " at its end runs it";
    }
    if (value == null || !value.getClass().isArray()) {
      return CELL_CLASS.matcher(String.valueOf(value)).replaceAll("");
    }
    int length = Array.getLength(value);
    return "["
        + first(IntStream.range(0, length).mapToObj(i -> Array.get(value, i)).iterator(), length)
        + "]";
  }

  private static String first(Iterator<?> values, int size) {
    List<String> parts = new ArrayList<>();
    while (values.hasNext() && parts.size() < MAX_ROWS) {
      parts.add(text(values.next()));
    }
    return String.join(", ", parts) + (size > MAX_ROWS ? ", … %,d in all".formatted(size) : "");
  }

  private static String cut(String text) {
    return text.length() <= MAX_TEXT
        ? text
        : "%s… the first %,d of %,d characters"
            .formatted(text.substring(0, MAX_TEXT / 10), MAX_TEXT / 10, text.length());
  }

  private static String simpleName(Object value) {
    return value.getClass().getSimpleName();
  }

  /** A table of texts. */
  static String html(List<String> header, List<List<String>> rows, String caption) {
    return html(header, rows, caption, "");
  }

  /** A table the first cell of whose rows has a style of its own, such as {@code color:red;}. */
  static String html(
      List<String> header, List<List<String>> rows, String caption, String firstStyle) {
    StringBuilder html = new StringBuilder("<table>");
    if (!caption.isEmpty()) {
      html.append("<caption style=\"text-align:left;white-space:nowrap\">");
      html.append(escape(caption)).append("</caption>");
    }
    List<String> styles = new ArrayList<>();
    for (int column = 0; column < header.size(); column++) {
      int at = column;
      boolean numbers = rows.stream().allMatch(row -> NUMBER.matcher(row.get(at)).matches());
      styles.add("text-align:" + (numbers ? "right" : "left"));
    }
    html.append("<thead>").append(row("th", header, styles, "")).append("</thead><tbody>");
    rows.forEach(row -> html.append(row("td", row, styles, firstStyle)));
    return html.append("</tbody></table>").toString();
  }

  private static String row(
      String tag, List<String> cells, List<String> styles, String firstStyle) {
    StringBuilder row = new StringBuilder("<tr>");
    for (int i = 0; i < cells.size(); i++) {
      row.append('<').append(tag).append(" style=\"").append(i == 0 ? firstStyle : "");
      row.append(styles.get(i)).append("\">");
      row.append(escape(cells.get(i))).append("</").append(tag).append('>');
    }
    return row.append("</tr>").toString();
  }

  /** {@code text} as HTML, cut to a cell's length. */
  static String escape(String text) {
    return escapeAll(text.length() <= MAX_CELL ? text : text.substring(0, MAX_CELL) + "…");
  }

  /** {@code text} as HTML, whole. */
  static String escapeAll(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }
}
