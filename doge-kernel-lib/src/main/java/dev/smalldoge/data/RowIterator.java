package dev.smalldoge.data;

import java.lang.ref.Cleaner;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Set;

/**
 * What a corpus's rows hold, read ahead by one. The files are closed after the last row, or once an
 * iterator that was left earlier is unreachable. Rows that were left out are told on the error
 * stream after the last one.
 */
final class RowIterator<T> implements Iterator<T> {
  private static final Cleaner CLEANER = Cleaner.create();
  private final Reading<T> reading;
  private final BadRows badRows;
  private final CorpusRows rows;
  private final String name;
  private T next;

  /** What is made of a row. */
  @FunctionalInterface
  interface Reading<T> {
    /** The row's value, never null. */
    T of(Row row) throws BadRow;
  }

  RowIterator(Corpus corpus, Set<String> columns, Reading<T> reading) {
    this.reading = reading;
    this.badRows = corpus.badRows();
    this.name = corpus.name();
    CorpusRows opened = corpus.rows(columns);
    this.rows = opened;
    CLEANER.register(this, opened::close);
    this.next = read();
  }

  private T read() {
    for (Row row = rows.next(); row != null; row = rows.next()) {
      try {
        return reading.of(row);
      } catch (BadRow e) {
        badRows.add(e);
      }
    }
    rows.close();
    if (badRows.count() > 0) { // what is made of the others cannot tell it
      System.err.println(name + ": " + badRows);
    }
    return null;
  }

  @Override
  public boolean hasNext() {
    return next != null;
  }

  @Override
  public T next() {
    if (next == null) {
      throw new NoSuchElementException();
    }
    T one = next;
    next = read();
    return one;
  }
}
