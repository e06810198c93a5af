package dev.smalldoge.tokenizer;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Text as UTF-8 in a buffer that is used again. For one thread. */
final class Utf8 {
  private static final int KEPT = 1 << 20;
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

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
      if (text[at] >= 0) { // most text is ASCII: eight bytes at a time
        at++;
        while (at + 8 <= to && ((long) LONGS.get(text, at) & 0x8080_8080_8080_8080L) == 0) {
          at += 8;
        }
        continue;
      }
      int length = sequence(text, at, to);
      check(
          length > 0,
          "byte %d of the text, 0x%02X, is no valid UTF-8; mend or drop the text",
          at - from,
          text[at] & 0xff);
      at += length;
    }
  }

  /** Length of the character at {@code at} that is not ASCII, or 0 where there is none. */
  private static int sequence(byte[] text, int at, int to) {
    int begun = begun(text, at, to);
    return begun == length(text[at] & 0xff) ? begun : 0;
  }

  /** Bytes of the character that a lead byte begins; 0 where it begins none. */
  private static int length(int lead) {
    return lead < 0xC2 || lead > 0xF4 ? 0 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  }

  /** How many of the bytes at {@code at} may be the first of one character; 0 if none. */
  private static int begun(byte[] text, int at, int to) {
    int lead = text[at] & 0xff;
    int end = Math.min(to, at + length(lead));
    int i = at;
    while (i < end
        && (i == at
            || ((text[i] & 0xC0) == 0x80 && (i > at + 1 || mayFollow(lead, text[i] & 0xff))))) {
      i++;
    }
    return i - at;
  }

  /**
   * Text of bytes that may be no UTF-8: each longest beginning of a character that does not go on
   * becomes U+FFFD, as in Rust and Python. Java's own decoder differs after byte ED.
   */
  static String decode(byte[] text, int from, int to) {
    StringBuilder decoded = null;
    int valid = from; // from here on nothing was copied yet
    for (int at = from; at < to; ) {
      int length = text[at] >= 0 ? 1 : sequence(text, at, to);
      if (length == 0) {
        decoded = decoded == null ? new StringBuilder(to - from) : decoded;
        decoded
            .append(new String(text, valid, at - valid, StandardCharsets.UTF_8))
            .append('\uFFFD');
        at += Math.max(1, begun(text, at, to));
        valid = at;
      } else {
        at += length;
      }
    }
    String rest = new String(text, valid, to - valid, StandardCharsets.UTF_8);
    return decoded == null ? rest : decoded.append(rest).toString();
  }

  /** Whether the second byte of a character may come after its first. */
  private static boolean mayFollow(int lead, int second) {
    return switch (lead) {
      case 0xE0 -> second >= 0xA0;
      case 0xED -> second < 0xA0; // surrogates
      case 0xF0 -> second >= 0x90;
      case 0xF4 -> second < 0x90; // beyond U+10FFFF
      default -> true;
    };
  }

  /** How many of the last bytes, 0 to 3, begin a character whose other bytes may still come. */
  static int unfinished(byte[] text, int size) {
    for (int count = 1; count <= Math.min(3, size); count++) {
      int lead = text[size - count] & 0xff;
      if (lead < 0x80 || lead >= 0xC0) {
        boolean open = lead >= 0xC0 && count < length(lead);
        return open && begun(text, size - count, size) == count ? count : 0;
      }
    }
    return 0;
  }
}
