package dev.smalldoge.tokenizer;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A trained vocabulary as the files of the Doge tokenizer: special tokens first, then bytes, then
 * merges; the split pattern of Llama 3; a BOS put before text where special tokens are asked for.
 *
 * <p>Special tokens are 256 as in the Doge tokenizer of 32768 ids, and 16 in vocabularies of fewer
 * than 8192: the 12 that have a name, and reserved ones.
 */
final class DogeLayout {
  private static final String[] NAMED = {
    "begin_of_text",
    "end_of_text",
    "finetune_right_pad_id",
    "start_header_id",
    "end_header_id",
    "eom_id",
    "eot_id",
    "python_tag",
    "begin_of_thought",
    "end_of_thought",
    "begin_of_solution",
    "end_of_solution"
  };
  private static final int FROM_256_SPECIALS = 8_192;

  private DogeLayout() {}

  /** Trains on pieces with their counts; the files of the tokenizer that comes of it. */
  static TokenizerFiles train(PieceTable pieces, int vocabSize) {
    List<String> specials = specials(vocabSize);
    int wanted = vocabSize - specials.size();
    check(
        wanted >= 256,
        "vocabSize %d is too small: %d special tokens and 256 bytes come first; try 4096",
        vocabSize,
        specials.size());
    BytePairTrainer trained = BytePairTrainer.train(pieces, wanted);
    check(
        trained.tokens().size() == wanted,
        "the texts give a vocabulary of %d, not of %d: no further pair occurs twice; give more text"
            + " or vocabSize %d",
        specials.size() + trained.tokens().size(),
        vocabSize,
        specials.size() + trained.tokens().size());
    JsonObject tokenizer = tokenizer(specials, trained);
    String text =
        new GsonBuilder()
                .setPrettyPrinting()
                .disableHtmlEscaping()
                .serializeNulls()
                .create()
                .toJson(tokenizer)
            + "\n";
    return new TokenizerFiles(
        "the trained tokenizer",
        text.getBytes(StandardCharsets.UTF_8),
        tokenizer,
        config(specials),
        specialTokensMap(specials));
  }

  private static List<String> specials(int vocabSize) {
    List<String> specials = new ArrayList<>();
    for (String name : NAMED) {
      specials.add("<|" + name + "|>");
    }
    int count = vocabSize >= FROM_256_SPECIALS ? 256 : 16;
    for (int i = 0; specials.size() < count; i++) {
      specials.add("<|reserved_special_token_" + i + "|>");
    }
    return specials;
  }

  private static JsonObject tokenizer(List<String> specials, BytePairTrainer trained) {
    JsonArray added = new JsonArray();
    for (int id = 0; id < specials.size(); id++) {
      added.add(object("id", id).with(flags(specials.get(id))).with("special", true).json);
    }
    JsonObject vocab = new JsonObject();
    specials.forEach(token -> vocab.addProperty(token, vocab.size()));
    trained.tokens().forEach(token -> vocab.addProperty(ByteAlphabet.spell(token), vocab.size()));
    JsonArray merges = new JsonArray();
    for (int[] merge : trained.merges()) {
      JsonArray pair = new JsonArray();
      pair.add(ByteAlphabet.spell(trained.tokens().get(merge[0])));
      pair.add(ByteAlphabet.spell(trained.tokens().get(merge[1])));
      merges.add(pair);
    }
    JsonObject model =
        object("type", "BPE")
            .with("dropout", null)
            .with("unk_token", null)
            .with("continuing_subword_prefix", null)
            .with("end_of_word_suffix", null)
            .with("fuse_unk", false)
            .with("byte_fallback", false)
            .with("ignore_merges", true)
            .with("vocab", vocab)
            .with("merges", merges)
            .json;
    return object("version", "1.0")
        .with("truncation", null)
        .with("padding", null)
        .with("added_tokens", added)
        .with("normalizer", null)
        .with("pre_tokenizer", preTokenizer())
        .with("post_processor", postProcessor(specials.get(0)))
        .with("decoder", byteLevel(true, true, true))
        .with("model", model)
        .json;
  }

  private static JsonObject preTokenizer() {
    JsonObject split =
        object("type", "Split")
            .with("pattern", object("Regex", PieceScanner.LLAMA_3).json)
            .with("behavior", "Isolated")
            .with("invert", false)
            .json;
    return object("type", "Sequence")
        .with("pretokenizers", array(split, byteLevel(false, true, false)))
        .json;
  }

  private static JsonObject postProcessor(String bos) {
    JsonObject first = special(bos, 0);
    JsonObject template =
        object("type", "TemplateProcessing")
            .with("single", array(first, sequence("A", 0)))
            .with("pair", array(first, sequence("A", 0), special(bos, 1), sequence("B", 1)))
            .with(
                "special_tokens",
                object(
                        bos,
                        object("id", bos)
                            .with("ids", array(new JsonPrimitive(0)))
                            .with("tokens", array(new JsonPrimitive(bos)))
                            .json)
                    .json)
            .json;
    return object("type", "Sequence")
        .with("processors", array(byteLevel(true, false, true), template))
        .json;
  }

  private static JsonObject special(String token, int type) {
    return object("SpecialToken", object("id", token).with("type_id", type).json).json;
  }

  private static JsonObject sequence(String id, int type) {
    return object("Sequence", object("id", id).with("type_id", type).json).json;
  }

  private static JsonObject byteLevel(boolean prefixSpace, boolean trimOffsets, boolean useRegex) {
    return object("type", "ByteLevel")
        .with("add_prefix_space", prefixSpace)
        .with("trim_offsets", trimOffsets)
        .with("use_regex", useRegex)
        .json;
  }

  private static JsonObject config(List<String> specials) {
    Members decoder = new Members();
    for (int id = 0; id < specials.size(); id++) {
      decoder.with(String.valueOf(id), flags(specials.get(id)).with("special", true).json);
    }
    JsonArray inputs = array(new JsonPrimitive("input_ids"), new JsonPrimitive("attention_mask"));
    return object("added_tokens_decoder", decoder.json)
        .with("bos_token", specials.get(0))
        .with("chat_template", chatTemplate())
        .with("clean_up_tokenization_spaces", false)
        .with("eos_token", specials.get(1))
        .with("extra_special_tokens", new JsonObject())
        .with("model_input_names", inputs)
        .with("model_max_length", 131_072)
        .with("pad_token", specials.get(2))
        .with("padding_side", "left")
        .with("tokenizer_class", "PreTrainedTokenizerFast")
        .with("unk_token", null)
        .json;
  }

  private static JsonObject specialTokensMap(List<String> specials) {
    return object("bos_token", flags(specials.get(0)).json)
        .with("eos_token", flags(specials.get(1)).json)
        .with("pad_token", flags(specials.get(2)).json)
        .json;
  }

  private static Members flags(String token) {
    return object("content", token)
        .with("single_word", false)
        .with("lstrip", false)
        .with("rstrip", false)
        .with("normalized", false);
  }

  /** The chat template that trained tokenizers carry. */
  static String chatTemplate() {
    try (InputStream in = DogeLayout.class.getResourceAsStream("chat-template.jinja")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static JsonArray array(JsonElement... elements) {
    JsonArray array = new JsonArray();
    for (JsonElement element : elements) {
      array.add(element);
    }
    return array;
  }

  private static Members object(String key, Object value) {
    return new Members().with(key, value);
  }

  /** A JSON object that is written member by member. */
  private static final class Members {
    private final JsonObject json = new JsonObject();

    Members with(String key, Object value) {
      if (value == null) {
        json.add(key, JsonNull.INSTANCE);
      } else if (value instanceof JsonElement element) {
        json.add(key, element);
      } else if (value instanceof Number number) {
        json.addProperty(key, number);
      } else if (value instanceof Boolean flag) {
        json.addProperty(key, flag);
      } else {
        json.addProperty(key, value.toString());
      }
      return this;
    }

    Members with(Members more) {
      more.json.entrySet().forEach(member -> json.add(member.getKey(), member.getValue()));
      return this;
    }
  }
}
