package dev.smalldoge.config;

import static dev.smalldoge.config.Checks.check;

/**
 * How the rotary base grows with the sequence.
 *
 * @param ropeType {@code "default"} (it does not) or {@code "dynamic"} (dynamic NTK)
 * @param factor scaling factor of the dynamic form
 * @param originalMaxPositionEmbeddings length from which the dynamic form acts, in tokens
 */
public record RopeScaling(String ropeType, double factor, int originalMaxPositionEmbeddings) {
  /** No scaling. */
  public static final RopeScaling NONE = new RopeScaling("default", 1, 0);

  /** Checks the type and its numbers. */
  public RopeScaling {
    check(
        ropeType.equals("default") || ropeType.equals("dynamic"),
        "ropeType \"%s\" is not known; use \"default\" or \"dynamic\"",
        ropeType);
    check(
        ropeType.equals("default") || (factor >= 1 && originalMaxPositionEmbeddings > 0),
        "dynamic rope scaling needs factor >= 1 and originalMaxPositionEmbeddings > 0, not %s"
            + " and %d; use 4.0 and 2048",
        factor,
        originalMaxPositionEmbeddings);
  }

  /** Whether the dynamic form is on. */
  public boolean isDynamic() {
    return ropeType.equals("dynamic");
  }
}
