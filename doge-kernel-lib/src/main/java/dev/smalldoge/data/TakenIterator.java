package dev.smalldoge.data;

import static dev.smalldoge.config.Checks.check;

import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;

/** The rows that are taken from several corpora: their first ones, or all of them repeatedly. */
final class TakenIterator<T> implements Iterator<T> {
  private final Iterator<Taken<T>> corpora;
  private Taken<T> corpus;
  private Iterator<T> rows;
  private long taken;

  TakenIterator(List<Taken<T>> corpora) {
    this.corpora = corpora.iterator();
  }

  @Override
  public boolean hasNext() {
    while (corpus == null || taken == corpus.wanted() || !rows.hasNext()) {
      boolean again = corpus != null && taken < corpus.wanted() && corpus.wanted() < Long.MAX_VALUE;
      if (!again && !corpora.hasNext()) {
        return false;
      }
      if (!again) {
        corpus = corpora.next();
        taken = 0;
      }
      rows = corpus.rows().iterator();
      check(rows.hasNext(), "%s gave no rows; give a corpus with rows", corpus.name());
    }
    return true;
  }

  @Override
  public T next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    taken++;
    return rows.next();
  }
}
