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
  private static final int WINDOW = 64;

  private final Tokenizer tokenizer;
  private final boolean skipSpecialTokens;

  private byte[] bytes = new byte[0]; // of a character that is not complete

  // where a token's text depends on those before it: the latest ids
  private int[] ids = new int[WINDOW];
  private int size;
  private int limit = WINDOW; // ids at which the older half is forgotten
  private int told; // characters of their text that were given out

  StreamingDecoder(Tokenizer tokenizer, boolean skipSpecialTokens) {
    this.tokenizer = tokenizer;
    this.skipSpecialTokens = skipSpecialTokens;
  }

  /**
   * Adds one id; returns the text that is newly complete, often empty.
   *
   * @throws dev.smalldoge.config.DogeException if the id has no token
   */
  public String add(int id) {
    return tokenizer.isByteLevel() ? addBytes(id) : addId(id);
  }

  private String addBytes(int id) {
    byte[] more = tokenizer.bytesOf(id);
    if (skipSpecialTokens && tokenizer.isSpecial(id)) {
      return "";
    }
    byte[] all = Arrays.copyOf(bytes, bytes.length + more.length);
    System.arraycopy(more, 0, all, bytes.length, more.length);
    int complete = all.length - Utf8.unfinished(all, all.length);
    bytes = Arrays.copyOfRange(all, complete, all.length);
    return Utf8.decode(all, 0, complete);
  }

  private String addId(int id) {
    if (size == ids.length) {
      ids = Arrays.copyOf(ids, 2 * size);
    }
    ids[size++] = id;
    String text = tokenizer.decode(Arrays.copyOf(ids, size), skipSpecialTokens);
    int end = text.length();
    while (end > told && text.charAt(end - 1) == REPLACEMENT) {
      end--;
    }
    String fresh = text.substring(Math.min(told, end), end);
    told = end;
    if (size >= limit) {
      forgetOlder(text);
    }
    return fresh;
  }

  /**
   * Keeps the later half of the ids, so that each costs the same however many came before, if their
   * text alone is the end of the whole text, but for a space that a beginning loses.
   */
  private void forgetOlder(String text) {
    int half = size / 2;
    String later = tokenizer.decode(Arrays.copyOfRange(ids, half, size), skipSpecialTokens);
    int shift = text.length() - later.length();
    if (shift > told || !text.endsWith(later)) {
      limit *= 2;
      return;
    }
    System.arraycopy(ids, half, ids, 0, size - half);
    size -= half;
    told -= shift;
    limit = WINDOW;
  }

  /** The rest, where the ids end amid a character: U+FFFD; begins anew. */
  public String finish() {
    String rest =
        tokenizer.isByteLevel()
            ? Utf8.decode(bytes, 0, bytes.length)
            : tokenizer.decode(Arrays.copyOf(ids, size), skipSpecialTokens).substring(told);
    bytes = new byte[0];
    size = 0;
    limit = WINDOW;
    told = 0;
    return rest;
  }
}
