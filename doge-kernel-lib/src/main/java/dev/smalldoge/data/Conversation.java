package dev.smalldoge.data;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.tokenizer.Message;
import java.util.List;

/**
 * One row to fine-tune on.
 *
 * @param messages its turns, at least one
 */
public record Conversation(List<Message> messages) {
  /** Takes its own copy. */
  public Conversation {
    messages = List.copyOf(messages);
    check(!messages.isEmpty(), "a conversation has no messages; give at least one");
  }
}
