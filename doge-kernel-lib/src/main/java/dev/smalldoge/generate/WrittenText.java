package dev.smalldoge.generate;

import dev.smalldoge.tokenizer.StreamingDecoder;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * The text of one row while it is being written: whole characters only, and nothing that may still
 * become a stop string is handed on.
 */
final class WrittenText {
  private final StreamingDecoder decoder;
  private final List<Integer> endTokenIds;
  private final List<String> stopStrings;
  private final Consumer<String> listener;
  private final StringBuilder text = new StringBuilder();
  private final List<Integer> tokenIds = new ArrayList<>();
  private int told;
  private FinishReason finishReason;

  WrittenText(
      StreamingDecoder decoder,
      List<Integer> endTokenIds,
      List<String> stopStrings,
      Consumer<String> listener) {
    this.decoder = decoder;
    this.endTokenIds = endTokenIds;
    this.stopStrings = stopStrings;
    this.listener = listener;
  }

  /** Adds a token; does nothing once the text has ended. */
  void add(int token) {
    if (isFinished()) {
      return;
    }
    tokenIds.add(token);
    if (endTokenIds.contains(token)) {
      finish(FinishReason.END_TOKEN);
      return;
    }
    append(decoder.add(token));
  }

  /** Ends the text, unless it has ended. */
  void finish(FinishReason reason) {
    if (isFinished()) {
      return;
    }
    append(decoder.finish());
    if (!isFinished()) {
      finishReason = reason;
      tell(text.length());
    }
  }

  private void append(String piece) {
    int searchFrom = told;
    text.append(piece);
    int stop = firstStop(searchFrom);
    if (stop >= 0) {
      text.setLength(stop);
      finishReason = FinishReason.STOP_STRING;
      tell(stop);
    } else {
      tell(text.length() - heldBack());
    }
  }

  private int firstStop(int from) {
    int first = -1;
    for (String stop : stopStrings) {
      int at = text.indexOf(stop, from);
      first = at >= 0 && (first < 0 || at < first) ? at : first;
    }
    return first;
  }

  /** Length of the longest end of the text that begins a stop string. */
  private int heldBack() {
    int longest = 0;
    for (String stop : stopStrings) {
      for (int n = Math.min(stop.length() - 1, text.length() - told); n > longest; n--) {
        if (stop.startsWith(text.substring(text.length() - n))) {
          longest = n;
        }
      }
    }
    return longest;
  }

  private void tell(int upTo) {
    if (upTo > told) {
      listener.accept(text.substring(told, upTo));
      told = upTo;
    }
  }

  boolean isFinished() {
    return finishReason != null;
  }

  FinishReason finishReason() {
    return finishReason;
  }

  String text() {
    return text.toString();
  }

  List<Integer> tokenIds() {
    return tokenIds;
  }
}
