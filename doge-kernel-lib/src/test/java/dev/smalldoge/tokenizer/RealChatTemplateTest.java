package dev.smalldoge.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The chat template of the real Doge tokenizer. */
@Tag("shared")
class RealChatTemplateTest {
  private static final Tokenizer TOKENIZER = Tokenizer.load(RealTokenizerTest.FOLDER);

  @Test
  void rendersAsPythonDoes() throws Exception {
    ChatTemplate template = TOKENIZER.chatTemplate();
    assertThat(template.caution()).isEmpty();
    for (RenderedChats chat : RenderedChats.read()) {
      assertThat(chat.renderedBy(template)).as(chat.name()).isEqualTo(chat.doge());
    }
  }

  @Test
  void oneRenderingFindsWhatTwoFind() throws Exception {
    ChatTemplateTest.findsTheSameEitherWay(TOKENIZER);
  }

  @Test
  void marksTheSameWordsAsOurTemplate() throws Exception {
    ChatTemplate real = TOKENIZER.chatTemplate();
    ChatTemplate ours = new ChatTemplate(DogeLayout.chatTemplate(), real.variables());
    for (RenderedChats chat : RenderedChats.read()) {
      if (chat.variables().isEmpty()) {
        EncodedChat byReal = real.encode(TOKENIZER, chat.messages(), false);
        EncodedChat byOurs = ours.encode(TOKENIZER, chat.messages(), false);
        assertThat(byOurs.ids()).isEqualTo(byReal.ids());
        assertThat(byOurs.trained()).isEqualTo(byReal.trained());
        assertThat(byReal.ids()).containsOnlyOnce(TOKENIZER.bosTokenId());
      }
    }
  }
}
