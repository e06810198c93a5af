package dev.smalldoge.generate;

import static dev.smalldoge.config.Checks.check;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import dev.smalldoge.config.GenerationConfig;
import dev.smalldoge.tokenizer.ChatTemplate;
import dev.smalldoge.tokenizer.Message;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;

/**
 * A conversation with a model: remembers what was said, and writes as the chat template of the
 * model's tokenizer lays it out.
 *
 * <p>By default it draws at temperature 0.8 from the likeliest tokens of together 0.9, at most 100
 * tokens a reply. Once the conversation no longer fits the model's positions, the oldest messages
 * after the system prompt are left out of what the model reads. Of a conversation that goes on, the
 * model reads only what it has not read yet.
 *
 * <p>Example: {@code var chat = Chat.with(model).system("Be short."); chat.say("Why is the sea
 * salty?")}.
 */
public final class Chat {
  private static final Set<String> ROLES = Set.of("system", "user", "assistant", "tool");
  private static ChatListener ofEveryChat = (chat, piece) -> {};

  private final LanguageModel model;
  private final ChatTemplate template;
  private final List<Message> history = new ArrayList<>();
  private GenerationConfig config;
  private long seed;
  private ChatListener listener;
  private Cancellation cancellation = new Cancellation();

  private Chat(LanguageModel model) {
    this.model = model;
    this.template = model.tokenizer().chatTemplate();
    this.config = model.generationConfig().withMaxNewTokens(100).withTemperature(0.8).withTopP(0.9);
  }

  /**
   * A new conversation with a model.
   *
   * @throws dev.smalldoge.config.DogeException if the model's tokenizer has no chat template, or
   *     the template cannot open the model's turn
   */
  public static Chat with(LanguageModel model) {
    Chat chat = new Chat(model);
    List<Message> probe = List.of(Message.user("?"));
    check(
        !chat.template.render(probe, true).equals(chat.template.render(probe, false)),
        "the chat template of this tokenizer has no generation prompt, so the model would not know"
            + " that it is to speak; use a template that reads add_generation_prompt");
    return chat;
  }

  /** The listener of chats that have none of their own; a notebook shows replies with it. */
  public static synchronized void listenToEveryChat(ChatListener listener) {
    ofEveryChat = listener;
  }

  private static synchronized ChatListener listenerOfEveryChat() {
    return ofEveryChat;
  }

  /** Tells the model beforehand how to answer; begins the conversation anew. */
  @CanIgnoreReturnValue
  public Chat system(String prompt) {
    history.clear();
    history.add(Message.system(prompt));
    return this;
  }

  /** Takes up a conversation; begins anew with these messages. */
  @CanIgnoreReturnValue
  public Chat resume(List<Message> messages) {
    for (Message message : messages) {
      check(
          ROLES.contains(message.role()),
          "role \"%s\" is not known; use system, user, assistant or tool",
          message.role());
    }
    history.clear();
    history.addAll(messages);
    return this;
  }

  /** How replies are written. */
  @CanIgnoreReturnValue
  public Chat config(GenerationConfig config) {
    this.config = config;
    return this;
  }

  /** How replies are written now; change it with {@code withX} and {@link #config}. */
  public GenerationConfig config() {
    return config;
  }

  /** Most tokens of a reply. */
  @CanIgnoreReturnValue
  public Chat maxNewTokens(int maxNewTokens) {
    return config(config.withMaxNewTokens(maxNewTokens));
  }

  /** Seed of the first reply; reply i draws from {@code seed + i}. */
  @CanIgnoreReturnValue
  public Chat seed(long seed) {
    this.seed = seed;
    return this;
  }

  /** Follows this chat's replies. */
  @CanIgnoreReturnValue
  public Chat listener(ChatListener listener) {
    this.listener = listener;
    return this;
  }

  /** Lets another thread end a reply. */
  @CanIgnoreReturnValue
  public Chat cancelledBy(Cancellation cancellation) {
    this.cancellation = cancellation;
    return this;
  }

  /**
   * Says something and waits for the reply, which its listener gets while it is written. A reply
   * that is interrupted stays in the history as far as it came.
   *
   * @throws dev.smalldoge.config.DogeException if the message is empty, or too long for the model
   */
  public Reply say(String message) {
    check(!message.isBlank(), "the message is empty; say something");
    List<Message> messages = new ArrayList<>(history);
    messages.add(Message.user(message));
    int[] ids = encodeWhatFits(messages);
    ChatListener following = listener != null ? listener : listenerOfEveryChat();
    following.began(this);
    try {
      Generation made =
          model
              .generator()
              .config(config)
              .seed(seed)
              .cancelledBy(cancellation)
              .onText(piece -> following.wrote(this, piece))
              .goOn(message, ids);
      history.add(Message.user(message));
      history.add(Message.assistant(made.text()));
      seed++;
      return new Reply(made.text(), made);
    } finally {
      following.ended(this);
    }
  }

  /** Ids of the conversation, without its oldest turns where it is too long otherwise. */
  private int[] encodeWhatFits(List<Message> messages) {
    int room = PromptBatch.mostPositions(model.model().config()) - config.maxNewTokens();
    int first = messages.get(0).role().equals("system") ? 1 : 0;
    List<Message> kept = new ArrayList<>(messages);
    int[] ids = model.tokenizer().encode(template.render(kept, true));
    while (ids.length > room && kept.size() > first + 1) {
      kept.remove(first);
      ids = model.tokenizer().encode(template.render(kept, true));
    }
    return ids;
  }

  /** Forgets what was said, but for the system prompt. */
  public void reset() {
    boolean instructed = !history.isEmpty() && history.get(0).role().equals("system");
    history.subList(instructed ? 1 : 0, history.size()).clear();
  }

  /** What was said so far, the system prompt first. */
  public List<Message> history() {
    return Collections.unmodifiableList(history);
  }

  /** The conversation, a line a message. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    history.forEach(m -> text.append(m.role()).append(": ").append(m.content()).append('\n'));
    return text.toString().stripTrailing();
  }

  /** The conversation as paragraphs with their roles. */
  public String toHtml() {
    StringBuilder html = new StringBuilder("<div>");
    for (Message m : history) {
      html.append("<p style=\"white-space:pre-wrap;text-align:left\"><b>")
          .append(Html.escape(m.role()))
          .append("</b> ")
          .append(Html.escape(m.content()))
          .append("</p>");
    }
    return html.append("</div>").toString();
  }
}
