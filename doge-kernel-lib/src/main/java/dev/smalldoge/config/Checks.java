package dev.smalldoge.config;

import com.google.errorprone.annotations.FormatMethod;
import java.util.Locale;

/** The checks that a value makes of itself when it is constructed. */
public final class Checks {
  private Checks() {}

  /**
   * Fails with one sentence unless {@code condition} holds.
   *
   * <p>Example: {@code check(topP > 0 && topP <= 1, "topP %s is outside (0, 1]; try 0.9", topP)}.
   *
   * @throws DogeException with the formatted sentence
   */
  @FormatMethod
  public static void check(boolean condition, String sentence, Object... arguments) {
    if (!condition) {
      throw new DogeException(String.format(Locale.ROOT, sentence, arguments));
    }
  }
}
