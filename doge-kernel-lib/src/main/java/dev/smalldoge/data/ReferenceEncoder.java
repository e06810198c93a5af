package dev.smalldoge.data;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.tokenizer.ChatTemplate;
import dev.smalldoge.tokenizer.Message;
import dev.smalldoge.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * Rows as the reference prepares them: a text is BOS and its ids with no EOS, a row that has a
 * {@code prompt} too is a conversation of two turns through the chat template; both are cut after
 * so many tokens, and all tokens are learned.
 *
 * <p>Source: {@code preprocess_pt_datasets.py} of small-doge.
 */
final class ReferenceEncoder implements RowEncoder {
  private static final String PROMPT = "prompt";
  private final Tokenizer tokenizer;
  private final String column;
  private final int maxLength;
  private final TextIds texts;
  private ChatTemplate template; // once a row needs it: a tokenizer may have none

  ReferenceEncoder(Tokenizer tokenizer, String column, int maxLength) {
    this.tokenizer = tokenizer;
    this.column = column;
    this.maxLength = maxLength;
    this.texts = new TextIds(tokenizer);
  }

  @Override
  public Set<String> columns() {
    return Set.of(PROMPT, column);
  }

  @Override
  public boolean splitsAsReference() {
    return true;
  }

  @Override
  public EncodedDocument encode(Row row) throws BadRow {
    String text = row.text(column);
    if (row.values().get(PROMPT) == null) {
      return texts.cut(text, maxLength);
    }
    String prompt = row.text(PROMPT);
    ChatTemplate chat = template();
    int[] ids;
    try {
      List<Message> turns = List.of(Message.user(prompt), Message.assistant(text));
      ids = tokenizer.encode(chat.render(turns, false));
    } catch (DogeException e) { // the template refuses these messages: a defect of the row
      throw new BadRow(row, e.getMessage());
    }
    int[] cut = ids.length > maxLength ? Arrays.copyOf(ids, maxLength) : ids;
    return new EncodedDocument(cut, null, Utf8.length(prompt) + Utf8.length(text));
  }

  private synchronized ChatTemplate template() {
    template = template == null ? tokenizer.chatTemplate() : template;
    return template;
  }
}
