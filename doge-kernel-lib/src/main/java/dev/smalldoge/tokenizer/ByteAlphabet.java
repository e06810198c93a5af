package dev.smalldoge.tokenizer;

import java.nio.charset.StandardCharsets;

/**
 * The 256 characters that stand for the 256 bytes in a byte-level vocabulary: printable bytes stand
 * for themselves, the others for U+0100 onwards, so that a space is {@code Ġ}.
 *
 * <p>Source: {@code bytes_to_unicode} of GPT-2, as in {@code ByteLevel} of Hugging Face tokenizers.
 */
final class ByteAlphabet {
  private static final char[] CHARACTERS = characters();
  private static final short[] BYTES = bytes(CHARACTERS);

  private ByteAlphabet() {}

  private static char[] characters() {
    char[] characters = new char[256];
    char next = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      characters[b] = printable ? (char) b : next++;
    }
    return characters;
  }

  private static short[] bytes(char[] characters) {
    short[] bytes = new short[256 + 68]; // 68 bytes are not printable
    java.util.Arrays.fill(bytes, (short) -1);
    for (int b = 0; b < 256; b++) {
      bytes[characters[b]] = (short) b;
    }
    return bytes;
  }

  /** The character that stands for byte {@code b}, 0 to 255. */
  static char characterOf(int b) {
    return CHARACTERS[b];
  }

  /** The byte that {@code c} stands for, or -1. */
  static int byteOf(char c) {
    return c < BYTES.length ? BYTES[c] : -1;
  }

  /** How {@code bytes} are spelled in a vocabulary. */
  static String spell(byte[] bytes) {
    char[] spelled = new char[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      spelled[i] = CHARACTERS[bytes[i] & 0xff];
    }
    return new String(spelled);
  }

  /** The bytes that {@code token} spells, or null where it holds a character that is no byte. */
  static byte[] unspell(String token) {
    byte[] bytes = new byte[token.length()];
    for (int i = 0; i < bytes.length; i++) {
      int b = byteOf(token.charAt(i));
      if (b < 0) {
        return null;
      }
      bytes[i] = (byte) b;
    }
    return bytes;
  }

  /** As the ByteLevel decoder: the bytes that {@code token} spells, or else its own UTF-8. */
  static byte[] decode(String token) {
    byte[] bytes = unspell(token);
    return bytes != null ? bytes : token.getBytes(StandardCharsets.UTF_8);
  }
}
