package dev.smalldoge.generate;

import dev.smalldoge.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;

/** Ids to text, one at a time; what ends within a character waits for the rest of it. */
final class PieceDecoder {
  private static final int MOST_BYTES_OF_A_CHARACTER = 4;

  private final Tokenizer tokenizer;
  private final List<Integer> waiting = new ArrayList<>();

  PieceDecoder(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  String add(int id) {
    waiting.add(id);
    String text = tokenizer.decode(waiting.stream().mapToInt(Integer::intValue).toArray());
    if (text.endsWith("\uFFFD") && waiting.size() < MOST_BYTES_OF_A_CHARACTER) {
      return "";
    }
    waiting.clear();
    return text;
  }

  String finish() {
    String text = tokenizer.decode(waiting.stream().mapToInt(Integer::intValue).toArray());
    waiting.clear();
    return text;
  }
}
