package dev.smalldoge.tokenizer;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * A rendered conversation, and where in it the assistant's own words are.
 *
 * <p>They are found by rendering with a character that occurs nowhere in place of each of the
 * assistant's messages: no text that a user types can be taken for them. Of the tested templates it
 * is known that they write the words as they are but for the spaces around them, so that one
 * rendering does; of others the conversation itself is rendered too and compared.
 */
final class AssistantSpans {
  private static final char FIRST_MARK = '\uE000'; // private use, to U+F8FF
  private static final char LAST_MARK = '\uF8FF';

  private final String text;
  private final BitSet inside = new BitSet(); // characters that the assistant says
  private final BitSet after = new BitSet(); // the first character after each of its messages

  private AssistantSpans(String text) {
    this.text = text;
  }

  /** {@code frame} with what is said in the place of its marks, which are all there. */
  private AssistantSpans(String frame, String marks, List<String> said) {
    StringBuilder filled = new StringBuilder();
    int from = 0;
    for (int i = 0; i < said.size(); i++) {
      int at = frame.indexOf(marks.charAt(i), from);
      filled.append(frame, from, at);
      inside.set(filled.length(), filled.length() + said.get(i).length());
      filled.append(said.get(i));
      after.set(filled.length());
      from = at + 1;
    }
    text = filled.append(frame, from, frame.length()).toString();
  }

  /**
   * Renders {@code messages}.
   *
   * @throws DogeException as {@link ChatTemplate#encode}
   */
  static AssistantSpans of(
      ChatTemplate template, List<Message> messages, boolean addGenerationPrompt) {
    List<String> said = new ArrayList<>();
    StringBuilder all = new StringBuilder();
    boolean calls = false;
    for (Message message : messages) {
      all.append(message.content());
      calls |= !message.toolCalls().isEmpty();
      if (message.role().equals("assistant")) {
        said.add(message.content());
      }
    }
    if (said.isEmpty()) {
      return new AssistantSpans(template.render(messages, addGenerationPrompt));
    }
    if (template.isTested() && !calls) {
      String marks = marks(said.size(), all);
      String frame = template.render(marked(messages, marks), addGenerationPrompt);
      if (holdsEachOnce(frame, marks)) { // else a variable of the template holds one too
        return new AssistantSpans(frame, marks, stripped(said));
      }
    }
    return compared(template, messages, said, addGenerationPrompt);
  }

  /** For templates that may do anything: the filled frame must be what the template renders. */
  private static AssistantSpans compared(
      ChatTemplate template, List<Message> messages, List<String> said, boolean generation) {
    String text = template.render(messages, generation);
    String marks = marks(said.size(), text);
    List<Message> marked = marked(messages, marks);
    String frame = template.render(marked, generation);
    for (int i = 0, call = 0; i < messages.size(); i++) {
      if (messages.get(i).role().equals("assistant")) {
        if (!messages.get(i).toolCalls().isEmpty()) {
          List<Message> one = new ArrayList<>(marked);
          one.set(i, messages.get(i));
          said.set(call, written(frame, marks.charAt(call), template.render(one, generation)));
        }
        call++;
      }
    }
    if (holdsEachOnce(frame, marks)) {
      for (List<String> words : List.of(stripped(said), said)) {
        AssistantSpans spans = new AssistantSpans(frame, marks, words);
        if (spans.text.equals(text)) {
          return spans;
        }
      }
    }
    throw new DogeException(
        "the chat template changes what the assistant says, so its words cannot be told from the"
            + " rest; use a template that writes them as they are");
  }

  private static List<String> stripped(List<String> said) {
    return said.stream().map(PythonJinja::strip).toList();
  }

  /** Different characters that {@code text} does not hold. */
  private static String marks(int count, CharSequence text) {
    BitSet taken = new BitSet();
    text.chars().forEach(taken::set);
    StringBuilder marks = new StringBuilder();
    for (int mark = taken.nextClearBit(FIRST_MARK);
        marks.length() < count;
        mark = taken.nextClearBit(mark + 1)) {
      check(mark <= LAST_MARK, "a conversation with %d answers is too long", count);
      marks.append((char) mark);
    }
    return marks.toString();
  }

  /** The messages with a mark in place of what the assistant says. */
  private static List<Message> marked(List<Message> messages, String marks) {
    List<Message> marked = new ArrayList<>();
    int mark = 0;
    for (Message message : messages) {
      marked.add(
          message.role().equals("assistant")
              ? Message.assistant(String.valueOf(marks.charAt(mark++)))
              : message);
    }
    return marked;
  }

  /** Whether every mark is in {@code frame} once, in their order. */
  private static boolean holdsEachOnce(String frame, String marks) {
    int last = -1;
    for (int i = 0; i < marks.length(); i++) {
      int at = frame.indexOf(marks.charAt(i));
      if (at <= last || frame.indexOf(marks.charAt(i), at + 1) >= 0) {
        return false;
      }
      last = at;
    }
    return true;
  }

  /** What stands in {@code shown} where the frame has {@code mark}: a tool call, as written. */
  private static String written(String frame, char mark, String shown) {
    int before = Math.max(0, frame.indexOf(mark));
    int after = frame.length() - before - 1;
    return shown.length() < before + after ? "" : shown.substring(before, shown.length() - after);
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
