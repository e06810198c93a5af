package dev.smalldoge.tokenizer;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Texts and the ids that Hugging Face's own library gave them, one JSON object a line after a
 * heading: {@code golden/encodings-doge.jsonl} by the real tokenizer, {@code
 * golden/encodings-shipped.jsonl} by the shipped one.
 *
 * <p>{@code java … dev.smalldoge.tokenizer.GoldenEncodings TOKENIZER_FOLDER FILE} remakes a file.
 */
final class GoldenEncodings {
  private static final long SEED = 233;
  private static final int FUZZED = 120;

  /** A text and its ids. */
  record Encoding(String text, List<Integer> ids) {}

  private GoldenEncodings() {}

  /**
   * The encodings of a file under {@code golden}.
   *
   * @throws IllegalStateException if another tokenizer made them
   */
  static List<Encoding> read(String name, Tokenizer tokenizer) throws IOException {
    Path file = Path.of("src/test/resources/golden", name);
    List<String> lines = Files.readAllLines(file);
    JsonObject heading = JsonParser.parseString(lines.get(0)).getAsJsonObject();
    if (!heading.get("tokenizer").getAsString().equals(tokenizer.fingerprint())) {
      throw new IllegalStateException(
          file + " is of another tokenizer; GoldenEncodings remakes it");
    }
    List<Encoding> encodings = new ArrayList<>();
    for (String line : lines.subList(1, lines.size())) {
      JsonObject one = JsonParser.parseString(line).getAsJsonObject();
      List<Integer> ids = new ArrayList<>();
      one.getAsJsonArray("ids").forEach(id -> ids.add(id.getAsInt()));
      encodings.add(new Encoding(one.get("text").getAsString(), ids));
    }
    return encodings;
  }

  /** Remakes a file by Hugging Face's library. */
  public static void main(String[] arguments) throws IOException {
    TokenizerFiles files = TokenizerFiles.read(Path.of(arguments[0]));
    DjlTokenizer oracle = new DjlTokenizer(files);
    List<String> lines = new ArrayList<>();
    JsonObject heading = new JsonObject();
    heading.addProperty("tokenizer", files.fingerprint());
    heading.addProperty("made_by", "GoldenEncodings, Hugging Face tokenizers of DJL");
    heading.addProperty("seed", SEED);
    lines.add(heading.toString());
    for (String text : texts()) {
      JsonArray ids = new JsonArray();
      for (int id : oracle.encode(text)) {
        ids.add(id);
      }
      lines.add("{\"text\":" + ascii(new Gson().toJson(text)) + ",\"ids\":" + ids + "}");
    }
    Files.write(Path.of(arguments[1]), lines);
  }

  private static String ascii(String json) {
    StringBuilder ascii = new StringBuilder();
    for (int i = 0; i < json.length(); i++) {
      char c = json.charAt(i);
      ascii.append(c < 0x7f ? String.valueOf(c) : String.format("\\u%04x", (int) c));
    }
    return ascii.toString();
  }

  private static List<String> texts() {
    List<String> texts =
        new ArrayList<>(
            List.of(
                "The sea, the sea! It's 3.14159 or 1,234,567?",
                "I'LL SAY THEY'RE HERE; we've said so. 'tis",
                "def f(x):\n    return {'a': [x ** 2, None]}  # why?\n\n\n",
                "  two  spaces\tand\ttabs \r\n\r\n end   ",
                "Gr\u00f6\u00dfe, \u6d77\u3068\u7a7a, \u041c\u043e\u0440\u0435,"
                    + " \u0643\u062a\u0627\u0628",
                "\ud83c\udf0a waves \ud83d\udc68\u200d\ud83d\udc69\u200d\ud83d\udc67 e\u0301"
                    + " \ufb05",
                "<|begin_of_text|>Hi<|end_of_text|>\n<|begin_of|><|end_header_id|>",
                "https://example.org/a_b?c=%20d&e=1#f",
                "$ e = \\sum_{n=0}^{\\infty} \\frac{1}{n!} $",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "\u0000\u0001 \u200b\ufeff\ufffd \u3000\u00a0\u2028\u0085"));
    FuzzedText fuzz = new FuzzedText(SEED);
    while (texts.size() < FUZZED) {
      String text = fuzz.next();
      if (text.codePoints().allMatch(Character::isDefined)) { // the twin knows Java's Unicode only
        texts.add(text);
      }
    }
    return texts;
  }
}
