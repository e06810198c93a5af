package dev.smalldoge.generate;

/** Why a text ended. */
public enum FinishReason {
  /** The model wrote one of its end tokens. */
  END_TOKEN,
  /** The text came to a stop string, which is not part of it. */
  STOP_STRING,
  /** maxNewTokens were written. */
  LENGTH,
  /** The thread was interrupted, or {@link Cancellation#cancel} was called. */
  CANCELLED
}
