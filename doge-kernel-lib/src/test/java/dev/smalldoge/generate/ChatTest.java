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
                .with(e -> e.maxPositionEmbeddings = 200),
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
