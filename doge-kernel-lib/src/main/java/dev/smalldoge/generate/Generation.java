package dev.smalldoge.generate;

import java.util.List;
import java.util.Locale;

/**
 * A prompt and what a model wrote after it.
 *
 * @param prompt what was given
 * @param text what was written, without special tokens and stop string
 * @param tokenIds the ids of the text, the end token included where one was written
 * @param promptTokens tokens that the model read first, an opening token included
 * @param finishReason why the text ended
 * @param seconds wall-clock time; of the whole batch, where the text was one of a batch
 */
public record Generation(
    String prompt,
    String text,
    List<Integer> tokenIds,
    int promptTokens,
    FinishReason finishReason,
    double seconds) {
  /** Keeps its own copy of the ids. */
  public Generation {
    tokenIds = List.copyOf(tokenIds);
  }

  /** New tokens per second of wall-clock time, reading the prompt included. */
  public double tokensPerSecond() {
    return tokenIds.size() / seconds;
  }

  /** The prompt and the text after it. */
  @Override
  public String toString() {
    return prompt + text;
  }

  /** The prompt in bold, the text, and below them the counts. */
  public String toHtml() {
    return String.format(
        Locale.ROOT,
        "<div style=\"white-space:pre-wrap\"><b>%s</b>%s</div><small>%d tokens, %.1f tokens/s, %s"
            + "</small>",
        Html.escape(prompt),
        Html.escape(text),
        tokenIds.size(),
        tokensPerSecond(),
        finishReason.name().toLowerCase(Locale.ROOT).replace('_', ' '));
  }
}
