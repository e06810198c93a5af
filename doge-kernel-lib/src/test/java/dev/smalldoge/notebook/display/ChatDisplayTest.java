package dev.smalldoge.notebook.display;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.generate.FinishReason;
import dev.smalldoge.generate.Generation;
import dev.smalldoge.generate.Reply;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ChatDisplayTest {
  private final List<String> shown = new ArrayList<>();
  private DisplayHost before;
  private long nanos;

  @BeforeEach
  void showHere() {
    before = Displays.host();
    Displays.attach(
        new DisplayHost() {
          @Override
          public void show(String id, Rendering rendering) {
            shown.add(rendering.text());
          }

          @Override
          public void update(String id, Rendering rendering) {
            shown.add(rendering.text());
          }

          @Override
          public boolean isRich() {
            return true;
          }
        });
  }

  @AfterEach
  void showAsBefore() {
    Displays.attach(before);
  }

  @Test
  void aReplyGrowsInPlaceAndIsShownOnce() {
    ChatDisplay display = new ChatDisplay(() -> nanos);
    display.began(null);
    for (String piece : List.of("A ", "list ", "is ", "<ordered>")) {
      display.wrote(null, piece);
      nanos += 60_000_000; // 60 ms: every second piece is due
    }
    display.ended(null);
    assertThat(shown).containsExactly("…", "A ", "A list is ", "A list is <ordered>");
    Reply reply =
        new Reply(
            "A list is <ordered>",
            new Generation(
                "?", "A list is <ordered>", List.of(5, 6, 7), 4, FinishReason.END_TOKEN, 0.5));
    assertThat(display.reply(reply).data().get(Rendering.HTML))
        .isEqualTo("<small>3 tokens, 6.0 tokens/s, end token</small>");
    assertThat(display.reply(reply).data().get(Rendering.HTML))
        .startsWith("<div style=\"white-space:pre-wrap\">A list is &lt;ordered&gt;</div>");
  }
}
