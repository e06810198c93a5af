package dev.smalldoge.tokenizer;

import static dev.smalldoge.config.Checks.check;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The Jinja template of a {@code tokenizer_config.json}: a conversation as the text that the model
 * was taught.
 *
 * <p>Example: {@code tokenizer.chatTemplate().render(List.of(Message.user("Hi")), true)}.
 * Immutable; threads may share it.
 */
public final class ChatTemplate {
  /** SHA-256 of the templates whose rendering tests compare with that of Python. */
  private static final Set<String> TESTED =
      Set.of(
          "57900cef3814d7960bb0cbae55c0ef52c6a73231d0e81938b41ae4bb9446dcd0", // Doge, of 32768 ids
          "c06f2882d407300ec27952858d5c14cc0028c5731f13ea4719c3983c5b516405"); // ours

  private final String source;
  private final Map<String, Object> variables;
  private final PythonJinja.Template template;
  private final boolean tested;

  ChatTemplate(String source, Map<String, Object> variables) {
    this.source = source;
    this.variables = variables;
    this.template = new PythonJinja.Template(source);
    this.tested = TESTED.contains(TokenizerFiles.sha256(source.getBytes(StandardCharsets.UTF_8)));
  }

  /**
   * The same template with a variable that it reads, such as {@code date_string}, {@code tools} (a
   * list of maps) or {@code documents} (a list of maps with title and text).
   */
  public ChatTemplate with(String variable, Object value) {
    Map<String, Object> more = new LinkedHashMap<>(variables);
    more.put(variable, value);
    return new ChatTemplate(source, more);
  }

  /**
   * The conversation as text, its BOS included.
   *
   * @param addGenerationPrompt whether to end with the header of the assistant's next turn
   * @throws dev.smalldoge.config.DogeException if there is no message, or the template refuses them
   *     or fails
   */
  public String render(List<Message> messages, boolean addGenerationPrompt) {
    check(!messages.isEmpty(), "a conversation needs a message; give Message.user(\"…\")");
    check(
        !addGenerationPrompt || source.contains("add_generation_prompt"),
        "the chat template has no generation prompt, so it cannot ask for an answer; use the"
            + " tokenizer of an instruct model");
    List<Map<String, Object>> maps = new ArrayList<>();
    for (Message message : messages) {
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("role", message.role());
      map.put("content", message.content());
      if (!message.toolCalls().isEmpty()) {
        map.put("tool_calls", calls(message.toolCalls()));
      }
      maps.add(map);
    }
    Map<String, Object> context = new HashMap<>(variables);
    context.put("messages", maps);
    context.put("add_generation_prompt", addGenerationPrompt);
    return template.render(context);
  }

  private static List<Map<String, Object>> calls(List<ToolCall> calls) {
    List<Map<String, Object>> maps = new ArrayList<>();
    for (ToolCall call : calls) {
      Map<String, Object> function = new LinkedHashMap<>();
      function.put("name", call.name());
      function.put("arguments", call.arguments());
      maps.add(Map.of("type", "function", "function", function));
    }
    return maps;
  }

  /**
   * The conversation as ids, and which of them are trained on: what the assistant says and the
   * token that ends its turn. The BOS is there once, where the template writes it.
   *
   * @throws dev.smalldoge.config.DogeException as {@link #render}, and where the template changes
   *     what the assistant says by more than the spaces around it
   */
  public EncodedChat encode(
      Tokenizer tokenizer, List<Message> messages, boolean addGenerationPrompt) {
    AssistantSpans spans = AssistantSpans.of(this, messages, addGenerationPrompt);
    int[] ids = tokenizer.encode(spans.text());
    int[] starts = tokenizer.starts(spans.text(), ids);
    boolean[] trained = new boolean[ids.length];
    for (int i = 0; i < ids.length; i++) {
      trained[i] =
          spans.contains(starts[i]) || (spans.endsBefore(starts[i]) && tokenizer.isSpecial(ids[i]));
    }
    return new EncodedChat(ids, trained);
  }

  /** The variables that are set. */
  Map<String, Object> variables() {
    return variables;
  }

  /** The Jinja text. */
  public String source() {
    return source;
  }

  /** Whether tests compare its rendering with Python's. */
  boolean isTested() {
    return tested;
  }

  /**
   * A sentence of caution where this template is none of those whose rendering is compared with
   * Python's in tests; empty where it is.
   */
  public Optional<String> caution() {
    return tested
        ? Optional.empty()
        : Optional.of(
            "this chat template is none of the tested ones (Doge's); compare a rendered"
                + " conversation with apply_chat_template before you train on it");
  }
}
