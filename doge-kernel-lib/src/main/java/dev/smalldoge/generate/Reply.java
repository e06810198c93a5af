package dev.smalldoge.generate;

/**
 * What a model answered; shows itself as the answer.
 *
 * @param text the answer
 * @param generation what was read and written for it
 */
public record Reply(String text, Generation generation) {
  /** New tokens per second of wall-clock time, reading the conversation included. */
  public double tokensPerSecond() {
    return generation.tokensPerSecond();
  }

  @Override
  public String toString() {
    return text;
  }
}
