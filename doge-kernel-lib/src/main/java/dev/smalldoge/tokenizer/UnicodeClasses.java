package dev.smalldoge.tokenizer;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/**
 * Letter, number, space or other: what the split patterns ask of a code point.
 *
 * <p>The table is the one of the regular expression library inside Hugging Face tokenizers, not
 * Java's, which grows with each JDK: text must give the same ids on all of them.
 */
final class UnicodeClasses {
  static final int OTHER = 0;
  static final int LETTER = 1;
  static final int NUMBER = 2;

  /** Space that is neither carriage return nor line feed. */
  static final int SPACE = 3;

  /** Carriage return or line feed, which are spaces too. */
  static final int NEWLINE = 4;

  private static final byte[][] PAGES = pages();

  private UnicodeClasses() {}

  /** The class of a code point. */
  static int of(int codePoint) {
    return PAGES[codePoint >> 8][codePoint & 0xff];
  }

  private static byte[][] pages() {
    byte[][] pages = new byte[0x110000 >> 8][];
    java.util.Arrays.fill(pages, new byte[256]);
    byte[] shared = pages[0];
    byte current = OTHER;
    for (String word : text().split("\\s+", -1)) {
      switch (word) {
        case "letter" -> current = LETTER;
        case "number" -> current = NUMBER;
        case "space" -> current = SPACE;
        case "" -> {}
        default -> fill(pages, shared, word, current);
      }
    }
    pages[0]['\r'] = NEWLINE;
    pages[0]['\n'] = NEWLINE;
    return pages;
  }

  private static void fill(byte[][] pages, byte[] shared, String range, byte value) {
    int dash = range.indexOf('-');
    int first = Integer.parseInt(dash < 0 ? range : range.substring(0, dash), 16);
    int last = dash < 0 ? first : Integer.parseInt(range.substring(dash + 1), 16);
    for (int codePoint = first; codePoint <= last; codePoint++) {
      int page = codePoint >> 8;
      if (pages[page] == shared) {
        pages[page] = new byte[256];
      }
      pages[page][codePoint & 0xff] = value;
    }
  }

  /** The table without its comment line. */
  private static String text() {
    try (InputStream in = UnicodeClasses.class.getResourceAsStream("unicode-classes.txt")) {
      String text = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
      return text.substring(text.indexOf('\n') + 1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
