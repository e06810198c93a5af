package dev.smalldoge.tokenizer;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.ToNumberPolicy;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Conversations as Python's Jinja renders them; {@code render_chats.py} remakes the file. */
record RenderedChats(
    String name,
    List<Message> messages,
    Map<String, Object> variables,
    boolean addGenerationPrompt,
    String text,
    String doge) {
  private static final Gson GSON =
      new com.google.gson.GsonBuilder()
          .setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE)
          .serializeNulls()
          .create();

  static List<RenderedChats> read() throws Exception {
    List<RenderedChats> chats = new ArrayList<>();
    try (Reader in =
        new InputStreamReader(
            RenderedChats.class.getResourceAsStream("/chat/rendered.json"),
            StandardCharsets.UTF_8)) {
      for (JsonElement element : GSON.fromJson(in, JsonObject.class).getAsJsonArray("cases")) {
        JsonObject chat = element.getAsJsonObject();
        List<Message> messages = new ArrayList<>();
        chat.getAsJsonArray("messages").forEach(m -> messages.add(message(m.getAsJsonObject())));
        String text = chat.get("text").getAsString();
        chats.add(
            new RenderedChats(
                chat.get("name").getAsString(),
                messages,
                map(chat.get("variables")),
                chat.get("add_generation_prompt").getAsBoolean(),
                text,
                chat.has("doge") ? chat.get("doge").getAsString() : text));
      }
    }
    return chats;
  }

  private static Message message(JsonObject message) {
    if (message.has("tool_calls")) {
      JsonObject call =
          message.getAsJsonArray("tool_calls").get(0).getAsJsonObject().getAsJsonObject("function");
      return Message.toolCall(call.get("name").getAsString(), map(call.get("arguments")));
    }
    return new Message(message.get("role").getAsString(), message.get("content").getAsString());
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> map(JsonElement element) {
    return GSON.fromJson(element, Map.class);
  }

  /** The text of a template with this chat's variables. */
  String renderedBy(ChatTemplate template) {
    return knownAndUnknown(template).get(0).render(messages, addGenerationPrompt);
  }

  /** The template with this chat's variables, and the same as one that is not known. */
  List<ChatTemplate> knownAndUnknown(ChatTemplate template) {
    ChatTemplate with = template;
    for (var variable : variables.entrySet()) {
      with = with.with(variable.getKey(), variable.getValue());
    }
    return List.of(with, new ChatTemplate(with.source() + "{#- another hash #}", with.variables()));
  }
}
