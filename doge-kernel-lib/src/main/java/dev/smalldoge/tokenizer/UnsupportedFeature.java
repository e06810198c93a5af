package dev.smalldoge.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;

/** Finds what keeps a tokenizer.json from our encoder, so that Hugging Face's own serves it. */
final class UnsupportedFeature {
  private UnsupportedFeature() {}

  /** The first such feature, as half a sentence, or null where there is none. */
  static String in(JsonObject tokenizer) {
    JsonObject model = tokenizer.getAsJsonObject("model");
    String type = text(model.get("type"));
    if (!"BPE".equals(type)) {
      return "model type " + type + " is not BPE";
    }
    for (String key :
        new String[] {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "unk_token"}) {
      if (!isNothing(model.get(key))) {
        return "BPE with " + key;
      }
    }
    if (isTrue(model.get("byte_fallback"))) {
      return "BPE with byte_fallback";
    }
    if (!"ByteLevel".equals(text(member(tokenizer.get("decoder"), "type")))) {
      return "a decoder other than ByteLevel";
    }
    if (hasNormalizer(tokenizer)
        && !"NFC".equals(text(member(tokenizer.get("normalizer"), "type")))) {
      return "a normalizer other than NFC";
    }
    String pattern = splitPattern(tokenizer);
    if (!PieceScanner.LLAMA_3.equals(pattern) && !PieceScanner.QWEN.equals(pattern)) {
      return "a pre-tokenizer other than the split pattern of Llama 3 or Qwen and ByteLevel";
    }
    JsonObject vocab = model.getAsJsonObject("vocab");
    for (int b = 0; b < 256; b++) {
      if (!vocab.has(String.valueOf(ByteAlphabet.characterOf(b)))) {
        return "a vocabulary without byte " + b;
      }
    }
    return inAddedTokens(tokenizer);
  }

  private static String inAddedTokens(JsonObject tokenizer) {
    JsonElement tokens = tokenizer.get("added_tokens");
    if (tokens == null) {
      return null;
    }
    for (JsonElement element : tokens.getAsJsonArray()) {
      JsonObject token = element.getAsJsonObject();
      for (String flag : new String[] {"single_word", "lstrip", "rstrip", "normalized"}) {
        if (isTrue(token.get(flag))) {
          return "added token " + token.get("content") + " with " + flag;
        }
      }
    }
    return null;
  }

  /** Whether text is changed before it is split. */
  static boolean hasNormalizer(JsonObject tokenizer) {
    return !isNothing(tokenizer.get("normalizer"));
  }

  /** The pattern of a pre-tokenizer of Split, then ByteLevel without one of its own; or null. */
  static String splitPattern(JsonObject tokenizer) {
    JsonElement steps = member(tokenizer.get("pre_tokenizer"), "pretokenizers");
    if (steps == null || !steps.isJsonArray() || steps.getAsJsonArray().size() != 2) {
      return null;
    }
    JsonArray both = steps.getAsJsonArray();
    JsonElement split = both.get(0);
    JsonElement bytes = both.get(1);
    boolean known =
        "Split".equals(text(member(split, "type")))
            && "Isolated".equals(text(member(split, "behavior")))
            && !isTrue(member(split, "invert"))
            && "ByteLevel".equals(text(member(bytes, "type")))
            && !isTrue(member(bytes, "add_prefix_space"))
            && isFalse(member(bytes, "use_regex"));
    return known ? text(member(member(split, "pattern"), "Regex")) : null;
  }

  private static JsonElement member(JsonElement object, String key) {
    return object != null && object.isJsonObject() ? object.getAsJsonObject().get(key) : null;
  }

  private static String text(JsonElement element) {
    return element != null && element.isJsonPrimitive() ? element.getAsString() : null;
  }

  private static boolean isNothing(JsonElement element) {
    return element == null || element.isJsonNull() || element.equals(new JsonPrimitive(""));
  }

  private static boolean isTrue(JsonElement element) {
    return new JsonPrimitive(true).equals(element);
  }

  private static boolean isFalse(JsonElement element) {
    return new JsonPrimitive(false).equals(element);
  }
}
