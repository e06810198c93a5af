package dev.smalldoge.config;

/** How a learning rate rises or falls between two values. */
public enum RampShape {
  /** In equal amounts. */
  LINEAR,
  /** Along half a cosine: slow, fast, slow. */
  COSINE,
  /** Falling as 1 − √p, steep at first; rising as 1 − √(1 − p), steep at last. */
  ONE_MINUS_SQRT
}
