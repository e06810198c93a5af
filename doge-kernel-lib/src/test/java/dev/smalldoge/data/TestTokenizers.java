package dev.smalldoge.data;

import com.google.gson.Gson;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Tokenizers that tests can reason about: a byte is a token. */
public final class TestTokenizers {
  private TestTokenizers() {}

  /** Ids 0 BOS, 1 EOS, 2 padding, then the 256 bytes in the order of their spelling. */
  public static Tokenizer bytes() {
    return bytes(0);
  }

  /** As {@link #bytes()} with {@code unused} more special tokens at the end of the vocabulary. */
  public static Tokenizer bytes(int unused) {
    try {
      Path folder = Files.createTempDirectory("byte-tokenizer");
      Map<String, Integer> vocab = new LinkedHashMap<>();
      for (String special : List.of("<bos>", "<eos>", "<pad>")) {
        vocab.put(special, vocab.size());
      }
      int next = 256;
      for (int b = 0; b < 256; b++) {
        boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
        vocab.put(String.valueOf((char) (printable ? b : next++)), vocab.size());
      }
      for (int i = 0; i < unused; i++) {
        vocab.put("<unused" + i + ">", vocab.size());
      }
      Map<String, Object> byteLevel =
          Map.of(
              "type",
              "ByteLevel",
              "add_prefix_space",
              false,
              "trim_offsets",
              true,
              "use_regex",
              false);
      Map<String, Object> tokenizer =
          Map.of(
              "version",
              "1.0",
              "added_tokens",
              List.of(added(0, "<bos>"), added(1, "<eos>"), added(2, "<pad>")),
              "pre_tokenizer",
              byteLevel,
              "decoder",
              byteLevel,
              "model",
              Map.of("type", "BPE", "vocab", vocab, "merges", List.of()));
      Files.writeString(folder.resolve("tokenizer.json"), new Gson().toJson(tokenizer));
      Map<String, Object> config =
          Map.of(
              "bos_token", "<bos>",
              "eos_token", "<eos>",
              "pad_token", "<pad>",
              "chat_template",
                  "{{ bos_token }}{% for message in messages %}[{{ message.role }}]"
                      + "{{ message.content }}{{ eos_token }}{% endfor %}"
                      + "{% if add_generation_prompt %}[assistant]{% endif %}");
      Files.writeString(folder.resolve("tokenizer_config.json"), new Gson().toJson(config));
      return Tokenizer.load(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Map<String, Object> added(int id, String content) {
    return Map.of(
        "id",
        id,
        "content",
        content,
        "special",
        true,
        "single_word",
        false,
        "lstrip",
        false,
        "rstrip",
        false,
        "normalized",
        false);
  }
}
