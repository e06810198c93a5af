package dev.smalldoge.notebook.display;

import dev.smalldoge.generate.Chat;
import dev.smalldoge.generate.ChatListener;
import dev.smalldoge.generate.Reply;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;

/** Shows a reply while it is written, in one output that grows in place. */
final class ChatDisplay implements ChatListener {
  private static final Duration PACE = Duration.ofMillis(100);

  private final LongSupplier nanoTime;
  private final StringBuilder text = new StringBuilder();
  private DisplayHandle handle;
  private long nextNanos;
  private String shown; // the reply that stands in an output already, until it is asked for

  ChatDisplay(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  @Override
  public synchronized void began(Chat chat) {
    text.setLength(0);
    shown = null;
    handle = Displays.show(rendering("…"));
    nextNanos = nanoTime.getAsLong();
  }

  @Override
  public synchronized void wrote(Chat chat, String piece) {
    text.append(piece);
    long now = nanoTime.getAsLong();
    if (now - nextNanos >= 0) {
      nextNanos = now + PACE.toNanos();
      handle.update(rendering(text.toString()));
    }
  }

  @Override
  public synchronized void ended(Chat chat) {
    shown = text.toString();
    handle.update(rendering(shown));
  }

  /** The result of the cell: its figures alone where its text has just been shown. */
  synchronized Rendering reply(Reply reply) {
    String figures =
        String.format(
            Locale.ROOT,
            "%d tokens, %.1f tokens/s, %s",
            reply.generation().tokenIds().size(),
            reply.generation().tokensPerSecond(),
            reply.generation().finishReason().name().toLowerCase(Locale.ROOT).replace('_', ' '));
    boolean stands = reply.text().equals(shown);
    shown = null;
    return Rendering.html(
        (stands ? "" : paragraph(reply.text())) + "<small>" + figures + "</small>",
        stands ? figures : reply.text());
  }

  private static Rendering rendering(String text) {
    return Rendering.html(paragraph(text), text);
  }

  private static String paragraph(String text) {
    return "<div style=\"white-space:pre-wrap\">" + TableHtml.escapeAll(text) + "</div>";
  }
}
