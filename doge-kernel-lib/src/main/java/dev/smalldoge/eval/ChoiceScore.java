package dev.smalldoge.eval;

import java.util.Locale;

/**
 * How many multiple-choice questions a model answered rightly.
 *
 * @param task what was asked
 * @param questions how many
 * @param accuracy share whose right choice has the largest log-probability, 0 to 1
 * @param normalizedAccuracy the same by log-probability per character of the choice, a leading
 *     space not counted
 * @param chance what guessing would reach
 */
public record ChoiceScore(
    String task, int questions, double accuracy, double normalizedAccuracy, double chance) {
  /** Standard error of an accuracy over so many questions. */
  public double standardError() {
    return Math.sqrt(normalizedAccuracy * (1 - normalizedAccuracy) / questions);
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%s: acc %.1f %%, acc_norm %.1f %% (± %.1f) of %d questions, chance %.1f %%",
        task,
        100 * accuracy,
        100 * normalizedAccuracy,
        100 * standardError(),
        questions,
        100 * chance);
  }
}
