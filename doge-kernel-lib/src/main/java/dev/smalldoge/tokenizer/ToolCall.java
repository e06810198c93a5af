package dev.smalldoge.tokenizer;

import static dev.smalldoge.config.Checks.check;

import java.util.Map;

/**
 * A call of a function that the model asks for.
 *
 * @param name the function
 * @param arguments value by name, written as JSON
 */
public record ToolCall(String name, Map<String, ?> arguments) {
  /** Checks that both parts are there. */
  public ToolCall {
    check(
        name != null && !name.isBlank() && arguments != null,
        "a tool call needs a name and arguments; give Map.of() for none");
  }
}
