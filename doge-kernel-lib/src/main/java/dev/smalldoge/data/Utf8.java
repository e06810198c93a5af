package dev.smalldoge.data;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Text of bytes that must be UTF-8. */
final class Utf8 {
  static final String DEFECT = "its bytes are not UTF-8";

  private Utf8() {}

  /** Whether decoding {@code bytes} to {@code text} had to replace something. */
  static boolean isBroken(String text, ByteBuffer bytes) {
    if (text.indexOf('\uFFFD') < 0) {
      return false;
    }
    try { // the replacement character may really be there
      StandardCharsets.UTF_8.newDecoder().decode(bytes);
      return false;
    } catch (CharacterCodingException e) {
      return true;
    }
  }

  /** UTF-8 bytes of well-formed text, without encoding it. */
  static long length(String text) {
    long bytes = text.length();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c >= 0x80) {
        bytes += c >= 0x800 && !Character.isSurrogate(c) ? 2 : 1; // half of a pair's four bytes
      }
    }
    return bytes;
  }
}
