package dev.smalldoge.tokenizer;

import java.util.Arrays;

/**
 * Text from ids that come one at a time; a character whose bytes are spread over several ids comes
 * when its last byte is there.
 *
 * <p>All pieces joined are what {@link Tokenizer#decode(int[], boolean)} gives for all ids.
 * Example: {@code var decoder = tokenizer.streamingDecoder(); System.out.print(decoder.add(id));}.
 * For one thread.
 */
public final class StreamingDecoder {
  private static final char REPLACEMENT = '\uFFFD';

  private final Tokenizer tokenizer;
  private final boolean skipSpecialTokens;
  private int[] ids = new int[16];
  private int size;
  private int told; // characters of these ids' text that were given out

  StreamingDecoder(Tokenizer tokenizer, boolean skipSpecialTokens) {
    this.tokenizer = tokenizer;
    this.skipSpecialTokens = skipSpecialTokens;
  }

  /** Adds one id; returns the text that is newly complete, often empty. */
  public String add(int id) {
    if (size == ids.length) {
      ids = Arrays.copyOf(ids, 2 * size);
    }
    ids[size++] = id;
    String text = tokenizer.decode(Arrays.copyOf(ids, size), skipSpecialTokens);
    int end = text.length();
    while (end > told && text.charAt(end - 1) == REPLACEMENT) {
      end--;
    }
    String fresh = text.substring(told, end);
    told = end;
    return fresh;
  }

  /** The rest, where the ids end amid a character: U+FFFD; begins anew. */
  public String finish() {
    String text = tokenizer.decode(Arrays.copyOf(ids, size), skipSpecialTokens);
    String rest = text.substring(told);
    size = 0;
    told = 0;
    return rest;
  }
}
