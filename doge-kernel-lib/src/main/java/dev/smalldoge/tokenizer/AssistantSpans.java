package dev.smalldoge.tokenizer;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * A rendered conversation, and where in it the assistant's own words are.
 *
 * <p>They are found by rendering once more with a character that occurs nowhere in place of each of
 * the assistant's messages: no text that a user types can be taken for them.
 */
final class AssistantSpans {
  private static final char FIRST_MARK = '\uE000'; // private use, to U+F8FF

  private final String text;
  private final BitSet inside = new BitSet(); // characters that the assistant says
  private final BitSet after = new BitSet(); // the first character after each of its messages

  private AssistantSpans(String text) {
    this.text = text;
  }

  /**
   * Renders {@code messages}.
   *
   * @throws DogeException as {@link ChatTemplate#encode}
   */
  static AssistantSpans of(
      ChatTemplate template, List<Message> messages, boolean addGenerationPrompt) {
    String text = template.render(messages, addGenerationPrompt);
    List<Message> marked = new ArrayList<>(messages);
    List<String> said = new ArrayList<>();
    StringBuilder marks = new StringBuilder();
    char mark = FIRST_MARK;
    for (int i = 0; i < messages.size(); i++) {
      if (messages.get(i).role().equals("assistant")) {
        while (text.indexOf(mark) >= 0) {
          mark++;
        }
        check(mark <= '\uF8FF', "a conversation of %d messages is too long", messages.size());
        marks.append(mark);
        said.add(messages.get(i).content());
        marked.set(i, Message.assistant(String.valueOf(mark++)));
      }
    }
    AssistantSpans spans = new AssistantSpans(text);
    if (!said.isEmpty()) {
      String frame = template.render(marked, addGenerationPrompt);
      for (int i = 0, call = 0; i < messages.size(); i++) {
        if (messages.get(i).role().equals("assistant")) {
          if (!messages.get(i).toolCalls().isEmpty()) {
            List<Message> one = new ArrayList<>(marked);
            one.set(i, messages.get(i));
            String shown = template.render(one, addGenerationPrompt);
            said.set(call, written(frame, marks.charAt(call), shown));
          }
          call++;
        }
      }
      if (!spans.fits(frame, marks, said.stream().map(PythonJinja::strip).toList())
          && !spans.fits(frame, marks, said)) {
        throw new DogeException(
            "the chat template changes what the assistant says, so its words cannot be told from"
                + " the rest; use a template that writes them as they are");
      }
    }
    return spans;
  }

  /** What stands in {@code shown} where the frame has {@code mark}: a tool call, as written. */
  private static String written(String frame, char mark, String shown) {
    int before = Math.max(0, frame.indexOf(mark));
    int after = frame.length() - before - 1;
    return shown.length() < before + after ? "" : shown.substring(before, shown.length() - after);
  }

  /** Notes the places of {@code said} if the frame filled with it is the text. */
  private boolean fits(String frame, CharSequence marks, List<String> said) {
    StringBuilder filled = new StringBuilder();
    inside.clear();
    after.clear();
    int from = 0;
    for (int i = 0; i < said.size(); i++) {
      int at = frame.indexOf(marks.charAt(i), from);
      if (at < 0) {
        return false;
      }
      filled.append(frame, from, at);
      inside.set(filled.length(), filled.length() + said.get(i).length());
      filled.append(said.get(i));
      after.set(filled.length());
      from = at + 1;
    }
    return text.contentEquals(filled.append(frame, from, frame.length()));
  }

  /** The rendered conversation. */
  String text() {
    return text;
  }

  /** Whether the assistant says the character at {@code place}. */
  boolean contains(int place) {
    return inside.get(place);
  }

  /** Whether one of the assistant's messages ends just before {@code place}. */
  boolean endsBefore(int place) {
    return after.get(place);
  }
}
