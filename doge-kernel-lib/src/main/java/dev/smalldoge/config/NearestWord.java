package dev.smalldoge.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/** The known word that is closest to a mistyped one, by Levenshtein distance. */
public final class NearestWord {
  private NearestWord() {}

  /** The closest of {@code known}; empty if even that shares less than half of its letters. */
  public static Optional<String> of(String word, Collection<String> known) {
    return known.stream()
        .min(Comparator.comparingInt(candidate -> distance(word, candidate)))
        .filter(best -> distance(word, best) <= Math.max(word.length(), best.length()) / 2);
  }

  /** {@code "; did you mean \"x\"?"}, or nothing if no known word is close. */
  public static String hint(String word, Collection<String> known) {
    return of(word, known).map(best -> "; did you mean \"" + best + "\"?").orElse("");
  }

  /** Single-letter insertions, deletions and replacements that turn one word into the other. */
  public static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}
