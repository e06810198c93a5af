package dev.smalldoge.data;

import dev.smalldoge.tokenizer.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Conversations and preferences as data sets spell them.
 *
 * <p>A conversation is a list of messages in {@code messages} or {@code conversations} (with a
 * {@code system} text beside it or without), or a text in {@code prompt} and its answer in {@code
 * completion} or {@code text}. A message is an object of {@code role} and {@code content}, or of
 * {@code from} and {@code value}; {@code human} and {@code gpt} are the user and the assistant.
 * Contents are kept as they are, thoughts included.
 *
 * <p>A preference has {@code chosen} and {@code rejected}, each an answer, or a list of messages of
 * which the last is the answer and the others the prompt; else the prompt is in {@code prompt}.
 */
final class ChatRows {
  static final Set<String> CONVERSATION =
      Set.of("messages", "conversations", "system", "prompt", "completion", "text");
  static final Set<String> PREFERENCE = Set.of("prompt", "chosen", "rejected");

  private ChatRows() {}

  /**
   * The conversation of {@code row}.
   *
   * @throws BadRow if it has none, or a message without role or content
   */
  static Conversation conversation(Row row) throws BadRow {
    for (String column : List.of("messages", "conversations")) {
      if (row.values().get(column) != null) {
        List<Message> messages = messages(row, column);
        if (row.values().get("system") != null && !messages.get(0).role().equals("system")) {
          messages.add(0, Message.system(row.text("system")));
        }
        return new Conversation(messages);
      }
    }
    if (row.values().get("prompt") != null) {
      String answer = row.values().get("completion") != null ? "completion" : "text";
      return new Conversation(
          List.of(Message.user(row.text("prompt")), Message.assistant(row.text(answer))));
    }
    row.value("messages"); // which says what is wrong
    throw new IllegalStateException();
  }

  /**
   * The preference of {@code row}.
   *
   * @throws BadRow if an answer or the prompt is missing, or the answers are to different prompts
   */
  static PreferencePair preference(Row row) throws BadRow {
    List<Message> chosen = answer(row, "chosen");
    List<Message> rejected = answer(row, "rejected");
    List<Message> prompt = chosen.subList(0, chosen.size() - 1);
    if (!prompt.equals(rejected.subList(0, rejected.size() - 1))) {
      throw new BadRow(row, "\"chosen\" and \"rejected\" answer different prompts");
    }
    if (prompt.isEmpty()) {
      prompt =
          row.value("prompt") instanceof List
              ? messages(row, "prompt")
              : List.of(Message.user(row.text("prompt")));
    }
    return new PreferencePair(
        prompt, chosen.get(chosen.size() - 1), rejected.get(rejected.size() - 1));
  }

  private static List<Message> answer(Row row, String column) throws BadRow {
    if (row.value(column) instanceof String) {
      return List.of(Message.assistant(row.text(column)));
    }
    List<Message> messages = messages(row, column);
    Message last = messages.get(messages.size() - 1);
    if (!last.role().equals("assistant")) {
      throw new BadRow(row, String.format("\"%s\" ends with a message of %s", column, last.role()));
    }
    return messages;
  }

  private static List<Message> messages(Row row, String column) throws BadRow {
    Object value = row.value(column);
    if (!(value instanceof List<?> list)) {
      throw new BadRow(
          row,
          String.format("column \"%s\" is %s, not a list of messages", column, Row.kind(value)));
    }
    if (list.isEmpty()) {
      throw new BadRow(row, String.format("column \"%s\" has no messages", column));
    }
    List<Message> messages = new ArrayList<>();
    for (Object element : list) {
      String place = String.format("message %d of \"%s\"", messages.size(), column);
      if (!(element instanceof Map<?, ?> map)) {
        throw new BadRow(row, place + " is " + Row.kind(element) + ", not an object");
      }
      String role = text(row, place, map, "role", "from");
      String content = text(row, place, map, "content", "value");
      messages.add(
          new Message(
              switch (role) {
                case "human" -> "user";
                case "gpt" -> "assistant";
                default -> role;
              },
              content));
    }
    return messages;
  }

  private static String text(Row row, String place, Map<?, ?> message, String key, String otherKey)
      throws BadRow {
    Object value = message.get(key) != null ? message.get(key) : message.get(otherKey);
    if (!(value instanceof String text) || (key.equals("role") && text.isBlank())) {
      throw new BadRow(row, place + " has no " + key);
    }
    Row.requireUnicode(row, place, text);
    return text;
  }
}
