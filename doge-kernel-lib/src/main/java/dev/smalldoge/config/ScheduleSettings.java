package dev.smalldoge.config;

import static dev.smalldoge.config.Checks.check;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * The learning-rate schedule of a recipe, before the number of its steps need be known: warm-up and
 * decay are given in steps, or as a part of all steps.
 *
 * @param kind the form of the curve
 * @param warmupSteps updates of the rise; 0 if {@code warmupRatio} says it
 * @param warmupRatio the rise as a part of all updates, in [0, 1]; 0 if {@code warmupSteps} says it
 * @param decaySteps updates of the fall of a warm-up-stable-decay schedule, as warmupSteps
 * @param decayRatio the fall as a part of all updates, as warmupRatio
 * @param minRatio the floor as a fraction of the peak, in [0, 1]
 * @param warmupShape shape of the rise
 * @param decayShape shape of the fall
 */
public record ScheduleSettings(
    Kind kind,
    int warmupSteps,
    double warmupRatio,
    int decaySteps,
    double decayRatio,
    double minRatio,
    RampShape warmupShape,
    RampShape decayShape) {
  /** The forms of the curve. */
  public enum Kind {
    /** A rise, a plateau, a fall. */
    WARMUP_STABLE_DECAY,
    /** A rise, then half a cosine to the floor. */
    COSINE_WITH_MINIMUM
  }

  /** Checks the ranges. */
  public ScheduleSettings {
    check(warmupSteps >= 0, "warmup_steps %d is negative; use 0 for none", warmupSteps);
    check(decaySteps >= 0, "decay_steps %d is negative; use 0 for none", decaySteps);
    ratio("warmup_ratio", warmupRatio);
    ratio("decay_ratio", decayRatio);
    ratio("min_ratio", minRatio);
    check(
        warmupSteps == 0 || warmupRatio == 0,
        "warmup_steps %d and warmup_ratio %s are both given; keep one",
        warmupSteps,
        warmupRatio);
    check(
        decaySteps == 0 || decayRatio == 0,
        "decay_steps %d and decay_ratio %s are both given; keep one",
        decaySteps,
        decayRatio);
    check(
        kind == Kind.WARMUP_STABLE_DECAY || (decaySteps == 0 && decayRatio == 0),
        "a cosine falls from the warm-up to the end; leave decay_steps and decay_ratio out");
  }

  private static void ratio(String name, double value) {
    check(value >= 0 && value <= 1, "%s %s is outside [0, 1]; use 0.1", name, value);
  }

  /** Reads the keys of a recipe's {@code schedule}. */
  static ScheduleSettings read(Fields f) {
    f.requireKnown(
        Set.of(
            "kind",
            "warmup_steps",
            "warmup_ratio",
            "decay_steps",
            "decay_ratio",
            "min_ratio",
            "warmup_shape",
            "decay_shape"));
    return new ScheduleSettings(
        f.choice("kind", Kind.class, Kind.WARMUP_STABLE_DECAY),
        f.integer("warmup_steps", 0),
        f.number("warmup_ratio", 0),
        f.integer("decay_steps", 0),
        f.number("decay_ratio", 0),
        f.number("min_ratio", 0),
        f.choice("warmup_shape", RampShape.class, RampShape.LINEAR),
        f.choice("decay_shape", RampShape.class, RampShape.LINEAR));
  }

  Map<String, Object> keys() {
    Map<String, Object> keys = new LinkedHashMap<>();
    keys.put("kind", kind.name().toLowerCase(Locale.ROOT));
    putUnless(keys, warmupRatio > 0, "warmup_steps", warmupSteps);
    putUnless(keys, warmupRatio == 0, "warmup_ratio", warmupRatio);
    if (kind == Kind.WARMUP_STABLE_DECAY) {
      putUnless(keys, decayRatio > 0, "decay_steps", decaySteps);
      putUnless(keys, decayRatio == 0, "decay_ratio", decayRatio);
    }
    keys.put("min_ratio", minRatio);
    putUnless(keys, warmupShape == RampShape.LINEAR, "warmup_shape", lower(warmupShape));
    putUnless(keys, decayShape == RampShape.LINEAR, "decay_shape", lower(decayShape));
    return keys;
  }

  private static void putUnless(
      Map<String, Object> keys, boolean absent, String key, Object value) {
    if (!absent) {
      keys.put(key, value);
    }
  }

  private static String lower(RampShape shape) {
    return shape.name().toLowerCase(Locale.ROOT);
  }

  /** Updates of the rise when there are {@code maxSteps} in all; a part is rounded up. */
  public int warmupSteps(int maxSteps) {
    return warmupRatio > 0 ? (int) Math.ceil(warmupRatio * maxSteps) : warmupSteps;
  }

  /** Updates of the fall when there are {@code maxSteps} in all; a part is rounded up. */
  public int decaySteps(int maxSteps) {
    return decayRatio > 0 ? (int) Math.ceil(decayRatio * maxSteps) : decaySteps;
  }

  /**
   * Updates of the plateau when there are {@code maxSteps} in all.
   *
   * @throws DogeException if warm-up and decay are more than all of them
   */
  public int stableSteps(int maxSteps) {
    requireFits(maxSteps);
    return maxSteps - warmupSteps(maxSteps) - decaySteps(maxSteps);
  }

  /** Fails if warm-up and decay are more than {@code maxSteps}. */
  void requireFits(int maxSteps) {
    int stable = maxSteps - warmupSteps(maxSteps) - decaySteps(maxSteps);
    check(
        stable >= 0,
        "warm-up %d and decay %d are more than max_steps %d; use warmup_ratio 0.1 and decay_ratio"
            + " 0.1",
        warmupSteps(maxSteps),
        decaySteps(maxSteps),
        maxSteps);
  }
}
