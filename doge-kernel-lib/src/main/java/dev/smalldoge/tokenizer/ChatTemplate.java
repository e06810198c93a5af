package dev.smalldoge.tokenizer;

import static dev.smalldoge.config.Checks.check;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import dev.smalldoge.config.DogeException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The Jinja template of a {@code tokenizer_config.json}: a conversation as the text that the model
 * was taught.
 *
 * <p>Example: {@code tokenizer.chatTemplate().render(List.of(Message.user("Hi")), true)}.
 * Immutable; threads may share it.
 */
public final class ChatTemplate {
  private static final Jinjava JINJAVA = jinjava();

  private final String source;
  private final Map<String, Object> variables;

  ChatTemplate(String source, Map<String, Object> variables) {
    this.source = source;
    this.variables = variables;
  }

  private static Jinjava jinjava() {
    Jinjava jinjava =
        new Jinjava(
            JinjavaConfig.newBuilder()
                .withTrimBlocks(true)
                .withLstripBlocks(true)
                .withLegacyOverrides(
                    LegacyOverrides.newBuilder()
                        .withParseWhitespaceControlStrictly(true)
                        .withUseTrimmingForNotesAndExpressions(true)
                        .withUseSnakeCasePropertyNaming(true)
                        .withKeepNullableLoopValues(true)
                        .build())
                .build());
    jinjava
        .getGlobalContext()
        .registerFunction(
            new ELFunctionDefinition(
                "", "raise_exception", ChatTemplate.class, "raise", String.class));
    return jinjava;
  }

  /** What {@code raise_exception} of a template does. */
  @SuppressWarnings("DoNotCallSuggester") // templates call it, by name
  public static String raise(String reason) {
    throw new DogeException("the chat template refuses this conversation: " + reason);
  }

  /**
   * The same template with a variable that it reads, such as {@code date_string} or {@code tools}.
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
   * @throws DogeException if there is no message, or the template refuses them or fails
   */
  public String render(List<Message> messages, boolean addGenerationPrompt) {
    check(!messages.isEmpty(), "a conversation needs a message; give Message.user(\"…\")");
    Map<String, Object> context = new HashMap<>(variables);
    List<Map<String, Object>> maps = new ArrayList<>();
    for (Message message : messages) {
      maps.add(new HashMap<>(Map.of("role", message.role(), "content", message.content())));
    }
    context.put("messages", maps);
    context.put("add_generation_prompt", addGenerationPrompt);
    RenderResult result = JINJAVA.renderForResult(source, context);
    if (!result.getErrors().isEmpty()) {
      throw new DogeException("the chat template fails: " + result.getErrors().get(0).getMessage());
    }
    return result.getOutput();
  }

  /**
   * The conversation as ids, and which of them are trained on: what the assistant says and the
   * token that ends its turn.
   *
   * @throws DogeException as {@link #render}, and where the template does not show the assistant's
   *     turns apart
   */
  public EncodedChat encode(
      Tokenizer tokenizer, List<Message> messages, boolean addGenerationPrompt) {
    int[] ids = tokenizer.encode(render(messages, addGenerationPrompt));
    boolean[] trained = new boolean[ids.length];
    for (int i = 0; i < messages.size(); i++) {
      if (messages.get(i).role().equals("assistant")) {
        int from = tokenizer.encode(render(messages.subList(0, i), true)).length;
        int to = tokenizer.encode(render(messages.subList(0, i + 1), false)).length;
        for (int at = from; at < to; at++) {
          trained[at] = true;
        }
      }
    }
    return new EncodedChat(ids, trained);
  }

  /** The Jinja text. */
  public String source() {
    return source;
  }
}
