package dev.smalldoge.tokenizer;

import static dev.smalldoge.config.Checks.check;

import java.util.List;
import java.util.Map;

/**
 * One turn of a conversation.
 *
 * <p>Example: {@code List.of(Message.system("Be short."), Message.user("Why is the sea salty?"))}.
 *
 * @param role who speaks: {@code system}, {@code user}, {@code assistant} or {@code tool}
 * @param content what is said; may be empty
 * @param toolCalls what the assistant asks for instead; mostly empty
 */
public record Message(String role, String content, List<ToolCall> toolCalls) {
  /** Checks that both parts are there. */
  public Message {
    check(
        role != null && !role.isBlank(),
        "a message has no role; give system, user, assistant or tool");
    check(
        content != null, "the message of role %s has no content; give \"\" for an empty one", role);
    toolCalls = List.copyOf(toolCalls);
  }

  /** A message without tool calls. */
  public Message(String role, String content) {
    this(role, content, List.of());
  }

  /** What the model is told before the conversation. */
  public static Message system(String content) {
    return new Message("system", content);
  }

  /** What the user says. */
  public static Message user(String content) {
    return new Message("user", content);
  }

  /** What the model says. */
  public static Message assistant(String content) {
    return new Message("assistant", content);
  }

  /** A call of a tool by the model. */
  public static Message toolCall(String name, Map<String, ?> arguments) {
    return new Message("assistant", "", List.of(new ToolCall(name, arguments)));
  }

  /** What a tool that the model called gave back. */
  public static Message tool(String content) {
    return new Message("tool", content);
  }
}
