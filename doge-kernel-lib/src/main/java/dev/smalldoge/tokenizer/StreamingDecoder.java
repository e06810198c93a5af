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

  private byte[] bytes = new byte[0]; // of a character that is not complete

  private int[] ids = new int[16]; // where a token's text depends on those before it: all of them
  private int size;
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
    return fresh;
  }

  /** The rest, where the ids end amid a character: U+FFFD; begins anew. */
  public String finish() {
    String rest =
        tokenizer.isByteLevel()
            ? Utf8.decode(bytes, 0, bytes.length)
            : tokenizer.decode(Arrays.copyOf(ids, size), skipSpecialTokens).substring(told);
    bytes = new byte[0];
    size = 0;
    told = 0;
    return rest;
  }
}
