package dev.smalldoge.data;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.tokenizer.Message;
import java.util.List;

/**
 * One row to learn preferences from.
 *
 * @param prompt the turns before the answer, at least one
 * @param chosen the answer that is preferred
 * @param rejected the other answer to the same prompt
 */
public record PreferencePair(List<Message> prompt, Message chosen, Message rejected) {
  /** Takes its own copy. */
  public PreferencePair {
    prompt = List.copyOf(prompt);
    check(!prompt.isEmpty(), "a preference has no prompt; give at least one message");
    check(chosen != null && rejected != null, "a preference has one answer; give both");
  }
}
