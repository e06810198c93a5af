package dev.smalldoge.data;

import dev.smalldoge.config.DogeException;
import java.util.ArrayList;
import java.util.List;

/**
 * What becomes of rows that cannot be used: the first one stops the work, or all are left out,
 * counted, and the first few named. Nothing is ever put in the place of a bad row.
 */
public final class BadRows {
  private static final int NAMED = 10;
  private final boolean refused;
  private final List<String> first = new ArrayList<>();
  private long count;

  BadRows(boolean refused) {
    this.refused = refused;
  }

  /**
   * Notes a bad row.
   *
   * @throws DogeException if bad rows are refused
   */
  synchronized void add(BadRow row) {
    if (refused) {
      throw new DogeException(
          row.place()
              + "; mend the row, or leave such rows out: .skippingBadRows(), in a recipe data:"
              + " skip_bad_rows: true, in a command --skip-bad-rows");
    }
    count++;
    if (first.size() < NAMED) {
      first.add(row.place());
    }
  }

  /** Adds what another corpus left out. */
  synchronized void addAll(BadRows other) {
    count += other.count();
    for (String place : other.first()) {
      if (first.size() < NAMED) {
        first.add(place);
      }
    }
  }

  /** How many rows were left out. */
  public synchronized long count() {
    return count;
  }

  /** File, row and reason of the first few. */
  public synchronized List<String> first() {
    return List.copyOf(first);
  }

  @Override
  public synchronized String toString() {
    if (count == 0) {
      return "no bad rows";
    }
    StringBuilder text = new StringBuilder(String.format("%,d bad rows left out:", count));
    first.forEach(place -> text.append("\n  ").append(place));
    if (count > first.size()) {
      text.append(String.format("%n  and %,d more", count - first.size()));
    }
    return text.toString();
  }
}
