package dev.smalldoge.tokenizer;

import static dev.smalldoge.tokenizer.UnicodeClasses.LETTER;
import static dev.smalldoge.tokenizer.UnicodeClasses.NEWLINE;
import static dev.smalldoge.tokenizer.UnicodeClasses.NUMBER;
import static dev.smalldoge.tokenizer.UnicodeClasses.OTHER;
import static dev.smalldoge.tokenizer.UnicodeClasses.SPACE;

/**
 * Splits UTF-8 text into pieces as the Llama-3 pattern does, without a regular expression: words
 * with the character before them, numbers of at most three digits, runs of signs, line ends,
 * spaces.
 *
 * <p>Pieces must be those of the pattern {@link #LLAMA_3} under Oniguruma, whose first alternative
 * that matches wins. The pattern of Qwen differs in the digits alone. For one thread.
 */
final class PieceScanner {
  /** The pattern that this class stands for with three digits. */
  static final String LLAMA_3 = pattern("{1,3}");

  /** The pattern that this class stands for with one digit. */
  static final String QWEN = pattern("");

  private static final byte[] ASCII = ascii();

  private final int maxDigits;
  private int next; // where the character that classAt looked at ends

  PieceScanner(int maxDigits) {
    this.maxDigits = maxDigits;
  }

  private static String pattern(String digits) {
    return "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
        + digits
        + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  }

  private static byte[] ascii() {
    byte[] classes = new byte[128];
    for (int c = 0; c < 128; c++) {
      classes[c] = (byte) UnicodeClasses.of(c);
    }
    return classes;
  }

  /** Where the piece that begins at {@code from} ends; {@code from < to}, valid UTF-8. */
  int end(byte[] text, int from, int to) {
    int first = classAt(text, from);
    int second = next;
    if (first == LETTER) {
      return skip(text, second, to, LETTER);
    }
    if (first == NUMBER) {
      return numbers(text, second, to);
    }
    if (text[from] == '\'') {
      int contraction = contraction(text, second, to);
      if (contraction > 0) {
        return contraction;
      }
    }
    if (first != NEWLINE && second < to) {
      int following = classAt(text, second);
      if (following == LETTER) {
        return skip(text, next, to, LETTER);
      }
      if (following == OTHER && text[from] == ' ') {
        return signs(text, next, to);
      }
    }
    return first == OTHER ? signs(text, second, to) : spaces(text, from, to);
  }

  /** The class of the character at {@code at}; leaves its end in {@link #next}. */
  private int classAt(byte[] text, int at) {
    int b = text[at];
    if (b >= 0) {
      next = at + 1;
      return ASCII[b];
    }
    if (b < (byte) 0xE0) {
      next = at + 2;
      return UnicodeClasses.of((b & 0x1f) << 6 | (text[at + 1] & 0x3f));
    }
    if (b < (byte) 0xF0) {
      next = at + 3;
      return UnicodeClasses.of(
          (b & 0x0f) << 12 | (text[at + 1] & 0x3f) << 6 | (text[at + 2] & 0x3f));
    }
    next = at + 4;
    return UnicodeClasses.of(
        (b & 0x07) << 18
            | (text[at + 1] & 0x3f) << 12
            | (text[at + 2] & 0x3f) << 6
            | (text[at + 3] & 0x3f));
  }

  /** Where a run of one class ends. */
  private int skip(byte[] text, int from, int to, int kind) {
    int at = from;
    while (at < to) {
      int b = text[at];
      if (b >= 0) {
        if (ASCII[b] != kind) {
          return at;
        }
        at++;
      } else if (classAt(text, at) == kind) {
        at = next;
      } else {
        return at;
      }
    }
    return at;
  }

  private int numbers(byte[] text, int from, int to) {
    int at = from;
    for (int digits = 1; digits < maxDigits && at < to; digits++) {
      if (classAt(text, at) != NUMBER) {
        return at;
      }
      at = next;
    }
    return at;
  }

  private int signs(byte[] text, int from, int to) {
    int at = skip(text, from, to, OTHER);
    return skip(text, at, to, NEWLINE);
  }

  /** Where {@code 's}, {@code 'll} and so on end whose apostrophe ends at {@code at}, or 0. */
  private static int contraction(byte[] text, int at, int to) {
    if (at >= to) {
      return 0;
    }
    int letter = text[at] | 0x20;
    switch (letter) {
      case 's', 't', 'm', 'd' -> {
        return text[at] >= 0 ? at + 1 : 0;
      }
      case 'r', 'v', 'l' -> {
        int second = letter == 'l' ? 'l' : 'e';
        return text[at] >= 0 && at + 1 < to && (text[at + 1] | 0x20) == second ? at + 2 : 0;
      }
      default -> {
        // U+017F, the long s, is an s without regard to case
        return text[at] == (byte) 0xC5 && text[at + 1] == (byte) 0xBF ? at + 2 : 0;
      }
    }
  }

  /** To the last line end of a run of spaces; else all of it but the space before a word. */
  private int spaces(byte[] text, int from, int to) {
    int afterNewline = 0;
    int last = from;
    int at = from;
    while (at < to) {
      int kind = classAt(text, at);
      if (kind == NEWLINE) {
        afterNewline = next;
      } else if (kind != SPACE) {
        break;
      }
      last = at;
      at = next;
    }
    if (afterNewline > 0) {
      return afterNewline;
    }
    return at == to || last == from ? at : last;
  }
}
