package dev.smalldoge.tokenizer;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/** The tokens of a tokenizer.json by id, those of the model and those added to it. */
final class Vocabulary {
  private final Map<String, Integer> ids = new HashMap<>();
  private final List<String> tokens = new ArrayList<>();
  private final BitSet special = new BitSet();
  private final BitSet added = new BitSet();

  /** Reads {@code model.vocab} and {@code added_tokens}; {@code name} is the file for errors. */
  Vocabulary(String name, JsonObject tokenizer) {
    JsonElement vocab = tokenizer.getAsJsonObject("model").get("vocab");
    if (vocab != null && vocab.isJsonObject()) {
      vocab
          .getAsJsonObject()
          .entrySet()
          .forEach(entry -> put(name, entry.getKey(), entry.getValue()));
    } else if (vocab != null && vocab.isJsonArray()) { // Unigram: [token, score] pairs in id order
      vocab.getAsJsonArray().forEach(pair -> put(pair.getAsJsonArray().get(0).getAsString()));
    }
    if (tokenizer.has("added_tokens")) {
      for (JsonElement element : tokenizer.getAsJsonArray("added_tokens")) {
        JsonObject token = element.getAsJsonObject();
        int id = put(name, token.get("content").getAsString(), token.get("id"));
        added.set(id);
        special.set(id, token.has("special") && token.get("special").getAsBoolean());
      }
    }
    check(!ids.isEmpty(), "%s has no tokens; fetch it again", name);
  }

  private void put(String token) {
    ids.putIfAbsent(token, tokens.size());
    tokens.add(token);
  }

  private int put(String name, String token, JsonElement number) {
    int id = number == null ? -1 : number.getAsInt();
    check(
        id >= 0 && id < 1 << 24,
        "%s gives token %s the id %s; an id is between 0 and 16777215",
        name,
        token,
        number);
    while (tokens.size() <= id) {
      tokens.add(null);
    }
    String there = tokens.get(id);
    check(
        there == null || there.equals(token),
        "%s gives id %d to both %s and %s; fetch it again",
        name,
        id,
        there,
        token);
    tokens.set(id, token);
    ids.put(token, id);
    return id;
  }

  /** One more than the highest id. */
  int size() {
    return tokens.size();
  }

  /** The id of a token as the file spells it. */
  OptionalInt idOf(String token) {
    Integer id = ids.get(token);
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  /** The token of an id, as the file spells it. */
  String token(int id) {
    String token = id >= 0 && id < tokens.size() ? tokens.get(id) : null;
    check(
        token != null,
        "id %d has no token in this vocabulary of %d; were the ids made by another tokenizer?",
        id,
        tokens.size());
    return token;
  }

  /** Whether the file has a token for {@code id}. */
  boolean has(int id) {
    return id >= 0 && id < tokens.size() && tokens.get(id) != null;
  }

  /** Whether {@code id} is a special token, which stands for no text. */
  boolean isSpecial(int id) {
    return special.get(id);
  }

  /** Whether {@code id} is found in text before the text is split. */
  boolean isAdded(int id) {
    return added.get(id);
  }
}
