package dev.smalldoge.data;

import dev.smalldoge.tokenizer.Message;
import java.util.ArrayList;
import java.util.List;

/**
 * How rows are read as conversations.
 *
 * @param systemPrompt first message of every conversation that has none of its own; empty for none
 * @param assistantOnly whether only what the assistant says is learned; otherwise everything
 */
record ChatReading(String systemPrompt, boolean assistantOnly) {
  /** The conversation with its system prompt. */
  Conversation of(Conversation conversation) {
    List<Message> messages = conversation.messages();
    if (systemPrompt.isEmpty() || messages.get(0).role().equals("system")) {
      return conversation;
    }
    List<Message> more = new ArrayList<>(List.of(Message.system(systemPrompt)));
    more.addAll(messages);
    return new Conversation(more);
  }
}
