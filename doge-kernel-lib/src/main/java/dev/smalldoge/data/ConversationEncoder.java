package dev.smalldoge.data;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.tokenizer.ChatTemplate;
import dev.smalldoge.tokenizer.EncodedChat;
import dev.smalldoge.tokenizer.Message;
import dev.smalldoge.tokenizer.Tokenizer;
import java.util.Set;

/** Conversations through the tokenizer's chat template. */
final class ConversationEncoder implements RowEncoder {
  private final Tokenizer tokenizer;
  private final ChatTemplate template;
  private final ChatReading reading;

  ConversationEncoder(Tokenizer tokenizer, ChatReading reading) {
    this.tokenizer = tokenizer;
    this.template = tokenizer.chatTemplate();
    this.reading = reading;
  }

  @Override
  public Set<String> columns() {
    return ChatRows.CONVERSATION;
  }

  @Override
  public boolean masks() {
    return reading.assistantOnly();
  }

  @Override
  public EncodedDocument encode(Row row) throws BadRow {
    Conversation conversation = reading.of(ChatRows.conversation(row));
    EncodedChat chat;
    try {
      chat = template.encode(tokenizer, conversation.messages(), false);
    } catch (DogeException e) { // the template refuses these messages: a defect of the row
      throw new BadRow(row, e.getMessage());
    }
    if (reading.assistantOnly() && chat.trainedCount() == 0) {
      throw new BadRow(row, "the assistant says nothing in it, so there is nothing to learn");
    }
    long textBytes = 0;
    for (Message message : conversation.messages()) {
      textBytes += Utf8.length(message.content());
    }
    return new EncodedDocument(
        chat.ids(), reading.assistantOnly() ? chat.trained() : null, textBytes);
  }
}
