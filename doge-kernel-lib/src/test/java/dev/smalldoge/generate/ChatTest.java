package dev.smalldoge.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.model.TestModels;
import dev.smalldoge.tokenizer.Message;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChatTest {
  @TempDir Path folder;

  private LanguageModel open(String template) {
    return new LanguageModel(
        TestModels.model(
            TestModels.small()
                .withVocabSize(ByteTokenizer.SIZE)
                .with(
                    e -> {
                      e.maxPositionEmbeddings = 200;
                      e.keepWindowSize = 200;
                    }),
            4),
        ByteTokenizer.in(folder, template));
  }

  @Test
  void remembersWhatWasSaid() {
    try (LanguageModel model = open(ByteTokenizer.TEMPLATE)) {
      StringBuilder streamed = new StringBuilder();
      Chat chat =
          Chat.with(model)
              .system("Be short.")
              .maxNewTokens(12)
              .seed(5)
              .listener((of, piece) -> streamed.append(piece));
      Reply reply = chat.say("Why?");
      assertThat(reply.text()).isEqualTo(streamed.toString());
      assertThat(reply.generation().promptTokens())
          .isEqualTo("bturnsystem:Be short.turnuser:Why?turnassistant:".length() - 3 * 3);
      assertThat(chat.history())
          .containsExactly(
              Message.system("Be short."), Message.user("Why?"), Message.assistant(reply.text()));
      assertThat(chat.toString()).startsWith("system: Be short.\nuser: Why?\nassistant: ");
      assertThat(chat.toHtml()).contains("<b>user</b> Why?");

      chat.reset();
      assertThat(chat.history()).containsExactly(Message.system("Be short."));
      assertThat(chat.seed(5).say("Why?").text()).isEqualTo(reply.text());
    }
  }

  @Test
  void readsOnlyWhatItHasNotRead() {
    try (LanguageModel model = open(ByteTokenizer.TEMPLATE);
        LanguageModel forgetful = open(ByteTokenizer.TEMPLATE)) {
      Chat chat = Chat.with(model).maxNewTokens(8).seed(3);
      Chat anew = Chat.with(forgetful).maxNewTokens(8).seed(3);
      for (String message : List.of("Why is the sea salty?", "Why?", "And the lakes?")) {
        forgetful.reading().close();
        Reply reply = chat.say(message);
        assertThat(reply.text()).isEqualTo(anew.say(message).text());
        int prompt = reply.generation().promptTokens();
        assertThat(forgetful.reading().lastRead()).isEqualTo(prompt);
        if (chat.history().size() > 2) {
          assertThat(model.reading().lastRead()).isLessThan(prompt - 20);
        }
      }
    }
  }

  @Test
  void goesOnAfterAReplyThatWasEndedOrWeightsThatChanged() {
    try (LanguageModel model = open(ByteTokenizer.TEMPLATE);
        LanguageModel forgetful = open(ByteTokenizer.TEMPLATE)) {
      Chat chat = Chat.with(model).maxNewTokens(20).seed(3);
      chat.say("Why is the sea salty?");
      Cancellation stop = new Cancellation();
      chat.cancelledBy(stop).listener((of, piece) -> stop.cancel());
      assertThat(chat.say("Why?").generation().finishReason()).isEqualTo(FinishReason.CANCELLED);
      chat.cancelledBy(new Cancellation()).listener((of, piece) -> {});
      Chat anew = Chat.with(forgetful).maxNewTokens(20).seed(5).resume(chat.history());
      Reply reply = chat.seed(5).say("So?");
      assertThat(reply.text()).isEqualTo(anew.say("So?").text());
      assertThat(model.reading().lastRead()).isLessThan(reply.generation().promptTokens());

      Thread.currentThread().interrupt();
      assertThat(chat.say("Well?").text()).isEmpty();
      assertThat(Thread.interrupted()).isTrue();
      for (LanguageModel each : List.of(model, forgetful)) {
        var gate = each.model().weights().get("model.layers.1.mlp.gate_proj.weight");
        each.model().operations().copyInto(gate, each.model().operations().zerosLike(gate));
      }
      forgetful.reading().close();
      anew.resume(chat.history()).seed(9);
      assertThat(chat.seed(9).say("Go on").text()).isEqualTo(anew.say("Go on").text());
    }
  }

  @Test
  void leavesTheOldestMessagesOutOnceItIsTooLong() {
    try (LanguageModel model = open(ByteTokenizer.TEMPLATE)) {
      Chat chat = Chat.with(model).system("S").maxNewTokens(20);
      for (int i = 0; i < 8; i++) {
        Reply reply = chat.say("message " + i + " of this chat");
        assertThat(reply.generation().promptTokens()).isLessThanOrEqualTo(180);
      }
      assertThat(chat.history()).hasSize(17);
      assertThatThrownBy(() -> chat.say("x".repeat(200)))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("shorten it");
      assertThat(chat.history()).as("a refused message is not remembered").hasSize(17);
    }
  }

  @Test
  void whatCannotBeSaidIsRefused() {
    try (LanguageModel model = open(ByteTokenizer.TEMPLATE)) {
      assertThatThrownBy(() -> Chat.with(model).say(" "))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("message is empty");
      assertThatThrownBy(() -> Chat.with(model).resume(List.of(new Message("robot", "hi"))))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("role \"robot\" is not known");
    }
    String mute = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}";
    try (LanguageModel model = open(mute)) {
      assertThatThrownBy(() -> Chat.with(model))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("no generation prompt");
    }
  }
}
