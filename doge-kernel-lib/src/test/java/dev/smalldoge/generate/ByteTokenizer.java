package dev.smalldoge.generate;

import com.google.gson.Gson;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A tokenizer of one id a byte: 0 BOS, 1 EOS, 2 padding, 3 {@code <|turn|>}, then the bytes. */
public final class ByteTokenizer {
  /** Number of ids. */
  public static final int SIZE = 260;

  /** Every message as {@code <|turn|>role:content}, with a generation prompt. */
  public static final String TEMPLATE =
      "{{ bos_token }}{% for m in messages %}<|turn|>{{ m['role'] }}:{{ m['content'] }}"
          + "{% endfor %}{% if add_generation_prompt %}<|turn|>assistant:{% endif %}";

  private static final String[] SPECIAL = {"<|bos|>", "<|eos|>", "<|pad|>", "<|turn|>"};

  private ByteTokenizer() {}

  /** Writes the tokenizer's files with a chat template, and opens them. */
  public static Tokenizer in(Path folder, String template) {
    Map<String, Object> vocabulary = new LinkedHashMap<>();
    List<Object> added = new ArrayList<>();
    for (String token : SPECIAL) {
      added.add(
          Map.of(
              "id", vocabulary.size(),
              "content", token,
              "single_word", false,
              "lstrip", false,
              "rstrip", false,
              "normalized", false,
              "special", true));
      vocabulary.put(token, vocabulary.size());
    }
    int next = 256;
    for (int b = 0; b < 256; b++) {
      boolean itself = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      vocabulary.put(String.valueOf((char) (itself ? b : next++)), vocabulary.size());
    }
    Map<String, Object> byteLevel =
        Map.of(
            "type", "ByteLevel",
            "add_prefix_space", false,
            "trim_offsets", false,
            "use_regex", false);
    Map<String, Object> tokenizer =
        Map.of(
            "version",
            "1.0",
            "added_tokens",
            added,
            "pre_tokenizer",
            byteLevel,
            "decoder",
            byteLevel,
            "model",
            Map.of("type", "BPE", "vocab", vocabulary, "merges", List.of()));
    Map<String, Object> config =
        Map.of(
            "bos_token", "<|bos|>",
            "eos_token", "<|eos|>",
            "pad_token", "<|pad|>",
            "chat_template", template);
    try {
      Files.writeString(folder.resolve("tokenizer.json"), new Gson().toJson(tokenizer));
      Files.writeString(folder.resolve("tokenizer_config.json"), new Gson().toJson(config));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return Tokenizer.load(folder);
  }
}
