package dev.smalldoge.dpo;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.tokenizer.Message;
import java.util.List;

/**
 * A conversation that waits for an answer, and two answers of which one is better.
 *
 * @param prompt the conversation so far
 * @param chosen the better answer
 * @param rejected the other one
 */
public record Preference(List<Message> prompt, Message chosen, Message rejected) {
  /** Checks that there is something to choose. */
  public Preference {
    prompt = List.copyOf(prompt);
    check(!prompt.isEmpty(), "a preference has no prompt; give at least one message");
    check(
        !chosen.equals(rejected),
        "both answers to \"%s\" are the same; leave such a pair out",
        prompt.get(prompt.size() - 1).content());
  }
}
