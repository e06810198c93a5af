package dev.smalldoge.data;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import tech.tablesaw.api.StringColumn;
import tech.tablesaw.api.Table;

/** The first rows of a corpus as a table, long values cut. */
final class RowTable {
  private static final int LONGEST = 200;

  private RowTable() {}

  static Table of(Corpus corpus, int rows) {
    Map<String, StringColumn> columns = new LinkedHashMap<>();
    int filled = 0;
    try (CorpusRows all = corpus.rows(Set.of())) {
      for (Row row = all.next(); row != null && filled < rows; row = all.next()) {
        Map<String, Object> values =
            row.defect() == null ? row.values() : Map.of("(bad row)", row.defect());
        for (String name : values.keySet()) {
          if (!columns.containsKey(name)) {
            columns.put(name, StringColumn.create(name, filled));
          }
        }
        for (Map.Entry<String, StringColumn> column : columns.entrySet()) {
          Object value = values.get(column.getKey());
          column.getValue().append(value == null ? "" : cut(value.toString()));
        }
        filled++;
      }
    }
    Table table = Table.create(corpus.name());
    columns.values().forEach(table::addColumns);
    return table;
  }

  private static String cut(String whole) {
    String text = whole.replace("\n", "⏎"); // a row of a terminal's table is one line
    if (text.length() <= LONGEST) {
      return text;
    }
    boolean splitsPair = Character.isHighSurrogate(text.charAt(LONGEST - 1));
    return text.substring(0, splitsPair ? LONGEST - 1 : LONGEST) + "…";
  }
}
