package dev.smalldoge.data;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * One row of a data file: its place, and the values that were asked for.
 *
 * <p>A value is a String, Number, Boolean, List, Map (string keys) or null. A row that could not be
 * read at all has a {@code defect} and no values.
 *
 * @param file the file that holds it
 * @param number its place in that file, from 0
 * @param values value by column
 * @param defect why it cannot be used, as the end of a sentence; null where it can
 */
record Row(Path file, long number, Map<String, Object> values, String defect) {
  /** The value of a column that is there but was not asked for. */
  static final Object NOT_ASKED = new Object();

  /** A row that was read. */
  static Row of(Path file, long number, Map<String, Object> values) {
    return new Row(file, number, values, null);
  }

  /** A row whose bytes make no sense. */
  static Row broken(Path file, long number, String defect) {
    return new Row(file, number, Map.of(), defect);
  }

  /**
   * The text of {@code column}.
   *
   * @throws BadRow if the row is broken or the value is missing, null, no text, empty or not
   *     Unicode
   */
  String text(String column) throws BadRow {
    Object value = value(column);
    if (!(value instanceof String text)) {
      throw new BadRow(this, String.format("column \"%s\" is %s, not text", column, kind(value)));
    }
    if (text.isEmpty()) {
      throw new BadRow(this, String.format("column \"%s\" is empty", column));
    }
    requireUnicode(this, "column \"" + column + "\"", text);
    return text;
  }

  /**
   * The value of {@code column}, never null.
   *
   * @throws BadRow if the row is broken or has none
   */
  Object value(String column) throws BadRow {
    if (defect != null) {
      throw new BadRow(this, defect);
    }
    Object value = values.get(column);
    if (value == null) {
      throw new BadRow(
          this,
          values.containsKey(column)
              ? String.format("column \"%s\" is null", column)
              : String.format("there is no \"%s\" among its columns %s", column, values.keySet()));
    }
    return value;
  }

  /** What a value is, in a user's words. */
  static String kind(Object value) {
    if (value instanceof String) {
      return "text";
    }
    if (value instanceof List) {
      return "a list";
    }
    if (value instanceof Map) {
      return "an object";
    }
    return value instanceof Number ? "a number" : value == null ? "null" : "true or false";
  }

  /**
   * Checks that {@code text}, which is at {@code place} of {@code row}, has only whole characters.
   *
   * @throws BadRow if it has not
   */
  static void requireUnicode(Row row, String place, String text) throws BadRow {
    int unpaired = unpairedSurrogate(text);
    if (unpaired >= 0) {
      throw new BadRow(
          row,
          String.format(
              "%s has half a surrogate pair at character %d, which is no Unicode text",
              place, unpaired));
    }
  }

  private static int unpairedSurrogate(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
        boolean pair =
            Character.isHighSurrogate(c)
                && i + 1 < text.length()
                && Character.isLowSurrogate(text.charAt(i + 1));
        if (!pair) {
          return i;
        }
        i++;
      }
    }
    return -1;
  }
}
