package dev.smalldoge.tokenizer;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What our encoder needs of a byte-level BPE tokenizer.json: pieces that are tokens as they stand,
 * merges by rank, added tokens. Threads may share it.
 */
final class BytePairModel {
  private final PieceTable wholePieces; // bytes -> id, where merges are ignored for whole tokens
  private final PairTable merges; // pair of ids -> rank << 32 | id
  private final int[] byteIds = new int[256];
  private final AddedTokens added;
  private final int maxDigits;
  private final boolean onlyLatin;

  /** Reads a tokenizer.json of which {@link UnsupportedFeature#in} finds nothing. */
  BytePairModel(String name, JsonObject tokenizer, Vocabulary vocabulary) {
    JsonObject model = tokenizer.getAsJsonObject("model");
    JsonObject vocab = model.getAsJsonObject("vocab");
    wholePieces = new PieceTable(2 * vocab.size());
    JsonElement ignoreMerges = model.get("ignore_merges");
    if (ignoreMerges != null && ignoreMerges.isJsonPrimitive() && ignoreMerges.getAsBoolean()) {
      vocab.entrySet().forEach(token -> putWhole(token.getKey(), token.getValue().getAsInt()));
    }
    for (int b = 0; b < 256; b++) {
      byteIds[b] = vocab.get(String.valueOf(ByteAlphabet.characterOf(b))).getAsInt();
    }
    merges = merges(name, model.getAsJsonArray("merges"), vocab);
    added = added(vocabulary);
    maxDigits = UnsupportedFeature.splitPattern(tokenizer).equals(PieceScanner.QWEN) ? 1 : 3;
    onlyLatin = UnsupportedFeature.hasNormalizer(tokenizer);
  }

  private void putWhole(String token, int id) {
    byte[] bytes = ByteAlphabet.unspell(token);
    if (bytes == null || bytes.length == 0) {
      return; // no piece of text is spelled so
    }
    int place = wholePieces.find(bytes, 0, bytes.length);
    if (!wholePieces.holds(place)) {
      wholePieces.insert(place, bytes, 0, id);
    }
  }

  private static PairTable merges(String name, JsonArray list, JsonObject vocab) {
    PairTable merges = new PairTable(list.size());
    for (int rank = 0; rank < list.size(); rank++) {
      JsonElement merge = list.get(rank);
      String left;
      String right;
      if (merge.isJsonArray()) {
        left = merge.getAsJsonArray().get(0).getAsString();
        right = merge.getAsJsonArray().get(1).getAsString();
      } else {
        String[] parts = merge.getAsString().split(" ", -1);
        check(parts.length == 2, "%s has the merge \"%s\", which is no pair", name, merge);
        left = parts[0];
        right = parts[1];
      }
      for (String token : new String[] {left, right, left + right}) {
        check(
            vocab.has(token),
            "%s merges %s and %s, but its vocabulary has no %s; fetch it again",
            name,
            left,
            right,
            token);
      }
      long key = PairTable.key(vocab.get(left).getAsInt(), vocab.get(right).getAsInt());
      if (merges.get(key) < 0) {
        merges.put(key, (long) rank << 32 | vocab.get(left + right).getAsInt());
      }
    }
    return merges;
  }

  private static AddedTokens added(Vocabulary vocabulary) {
    Map<String, Integer> tokens = new LinkedHashMap<>();
    for (int id = 0; id < vocabulary.size(); id++) {
      if (vocabulary.isAdded(id) && !vocabulary.token(id).isEmpty()) {
        tokens.put(vocabulary.token(id), id);
      }
    }
    return new AddedTokens(tokens);
  }

  /** Pieces that are one token as they stand, for a caller to add to. */
  PieceTable wholePieces() {
    return wholePieces.copy();
  }

  /** {@code rank << 32 | id} of the token that two ids merge to, or -1. */
  long merge(int left, int right) {
    return merges.get(PairTable.key(left, right));
  }

  /** Id of a byte, 0 to 255. */
  int byteId(int b) {
    return byteIds[b];
  }

  /** The tokens to find before text is split. */
  AddedTokens added() {
    return added;
  }

  /** Most digits of one piece. */
  int maxDigits() {
    return maxDigits;
  }

  /** Whether only text below U+0300 is ours, since the rest may have to be composed first. */
  boolean onlyLatin() {
    return onlyLatin;
  }
}
