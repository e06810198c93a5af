package dev.smalldoge.tokenizer;

import java.util.SplittableRandom;

/** Random text that is hard to split: signs, spaces, digits, scripts, half-known code points. */
final class FuzzedText {
  private static final String[] MORSELS = {
    "'s",
    "'S",
    "'ſ",
    "'t",
    "'re",
    "'RE",
    "'Ve",
    "'m",
    "'ll",
    "'lL",
    "'d",
    "''",
    "'",
    "'l",
    "'r",
    " ",
    "  ",
    "   ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "\n\n",
    " \n",
    "\u00A0",
    "\u3000",
    "\u2028",
    "\u0085",
    "\u000B",
    "1",
    "12",
    "123",
    "1234",
    "½",
    "٣",
    "Ⅷ",
    "²",
    "the",
    " The",
    "sea",
    "é",
    "e\u0301",
    "海",
    "中文",
    "ñ",
    "Ж",
    "کتاب",
    "\uD83C\uDF0A",
    "\uD83D\uDC68\u200D\uD83D\uDC69",
    "_",
    "-",
    "...",
    "(",
    "){",
    "<",
    "<|",
    "|>",
    "<|end_of_text|>",
    "<|begin_of_text|>",
    "<|reserved_special_token_3|>",
    "<|eot_id",
    "\0",
    "\u200B",
    "\uFEFF",
    "\uFFFD",
    "\u0300",
    "ﬅ",
    "K",
    "ß",
    "İ",
    "\u0870",
    "\uD804\uDD6E"
  };

  private final SplittableRandom random;

  FuzzedText(long seed) {
    random = new SplittableRandom(seed);
  }

  /** Some morsels and random code points, of any plane. */
  String next() {
    StringBuilder text = new StringBuilder();
    int count = 1 + random.nextInt(40);
    for (int i = 0; i < count; i++) {
      if (random.nextInt(4) == 0) {
        text.appendCodePoint(codePoint());
      } else {
        text.append(MORSELS[random.nextInt(MORSELS.length)]);
      }
    }
    return text.toString();
  }

  private int codePoint() {
    int bound = new int[] {0x80, 0x800, 0x3000, 0x10000, 0x20000, 0x110000}[random.nextInt(6)];
    int codePoint = random.nextInt(bound);
    return codePoint >= 0xD800 && codePoint < 0xE000 ? 'x' : codePoint;
  }
}
