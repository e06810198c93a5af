package dev.smalldoge.tokenizer;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import java.util.Arrays;

/** Text as UTF-8 in a buffer that is used again. For one thread. */
final class Utf8 {
  private static final int KEPT = 1 << 20;

  private byte[] bytes = new byte[1024];
  private int size;

  /** The bytes; those after {@link #size} are of earlier texts. */
  byte[] bytes() {
    return bytes;
  }

  /** Number of bytes of the text. */
  int size() {
    return size;
  }

  /**
   * Takes {@code text} in place of what was there.
   *
   * @throws DogeException if it holds half a surrogate pair
   */
  void set(CharSequence text) {
    int length = text.length();
    room(3L * length);
    int at = 0;
    for (int i = 0; i < length; i++) {
      char c = text.charAt(i);
      if (c < 0x80) {
        bytes[at++] = (byte) c;
      } else if (c < 0x800) {
        bytes[at++] = (byte) (0xC0 | c >> 6);
        bytes[at++] = (byte) (0x80 | (c & 0x3f));
      } else if (Character.isSurrogate(c)) {
        boolean pair =
            Character.isHighSurrogate(c)
                && i + 1 < length
                && Character.isLowSurrogate(text.charAt(i + 1));
        check(
            pair,
            "the text holds half a surrogate pair, U+%04X, at character %d; it is no valid"
                + " Unicode, mend or drop it",
            (int) c,
            i);
        int codePoint = Character.toCodePoint(c, text.charAt(++i));
        bytes[at++] = (byte) (0xF0 | codePoint >> 18);
        bytes[at++] = (byte) (0x80 | (codePoint >> 12 & 0x3f));
        bytes[at++] = (byte) (0x80 | (codePoint >> 6 & 0x3f));
        bytes[at++] = (byte) (0x80 | (codePoint & 0x3f));
      } else {
        bytes[at++] = (byte) (0xE0 | c >> 12);
        bytes[at++] = (byte) (0x80 | (c >> 6 & 0x3f));
        bytes[at++] = (byte) (0x80 | (c & 0x3f));
      }
    }
    size = at;
  }

  private void room(long needed) {
    check(
        needed <= Integer.MAX_VALUE - 16,
        "a text of %,d characters is too long for one document; split it",
        needed / 3);
    if (bytes.length < needed || (bytes.length > KEPT && needed <= KEPT)) {
      bytes = new byte[(int) Math.max(needed, 1024)];
    }
  }

  /**
   * Fails unless {@code text} is UTF-8 between {@code from} and {@code to}.
   *
   * @throws DogeException with the place of the first byte that is not
   */
  static void requireValid(byte[] text, int from, int to) {
    int at = from;
    while (at < to) {
      int length = text[at] >= 0 ? 1 : sequence(text, at, to);
      check(
          length > 0,
          "byte %d of the text, 0x%02X, is no valid UTF-8; mend or drop the text",
          at - from,
          text[at] & 0xff);
      at += length;
    }
  }

  /** Length of the sequence of two to four bytes at {@code at}, or 0 where it is none. */
  private static int sequence(byte[] text, int at, int to) {
    int lead = text[at] & 0xff;
    int length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || at + length > to) {
      return 0;
    }
    int second = text[at + 1] & 0xff;
    boolean good =
        switch (lead) {
          case 0xE0 -> second >= 0xA0;
          case 0xED -> second < 0xA0; // surrogates
          case 0xF0 -> second >= 0x90;
          case 0xF4 -> second < 0x90; // beyond U+10FFFF
          default -> true;
        };
    for (int i = 1; i < length; i++) {
      good &= (text[at + i] & 0xC0) == 0x80;
    }
    return good ? length : 0;
  }

  /** A copy of the text's bytes. */
  byte[] toArray() {
    return Arrays.copyOf(bytes, size);
  }
}
