package dev.smalldoge.tokenizer;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The plain twin of the encoder: java.util.regex with the pattern of tokenizer.json, maps of
 * strings, and one merge at a time, the pair of lowest rank first. It shares nothing with the
 * encoder but the alphabet of bytes.
 */
final class SlowEncoder {
  private final Map<String, Integer> vocab = new HashMap<>();
  private final Map<String, Integer> ranks = new HashMap<>(); // "left right" -> rank
  private final List<String> added = new ArrayList<>(); // longest first
  private final Map<String, Integer> addedIds = new HashMap<>();
  private final Pattern pattern;
  private final boolean ignoresMerges;

  SlowEncoder(Path folder) throws IOException {
    JsonObject tokenizer =
        JsonParser.parseString(Files.readString(folder.resolve("tokenizer.json")))
            .getAsJsonObject();
    JsonObject model = tokenizer.getAsJsonObject("model");
    model.getAsJsonObject("vocab").entrySet().forEach(e -> vocab.put(e.getKey(), id(e)));
    for (JsonElement merge : model.getAsJsonArray("merges")) {
      String pair =
          merge.isJsonArray()
              ? merge.getAsJsonArray().get(0).getAsString()
                  + " "
                  + merge.getAsJsonArray().get(1).getAsString()
              : merge.getAsString();
      ranks.putIfAbsent(pair, ranks.size());
    }
    for (JsonElement token : tokenizer.getAsJsonArray("added_tokens")) {
      String content = token.getAsJsonObject().get("content").getAsString();
      added.add(content);
      addedIds.put(content, token.getAsJsonObject().get("id").getAsInt());
    }
    added.sort((a, b) -> b.length() - a.length());
    String regex =
        tokenizer
            .getAsJsonObject("pre_tokenizer")
            .getAsJsonArray("pretokenizers")
            .get(0)
            .getAsJsonObject()
            .getAsJsonObject("pattern")
            .get("Regex")
            .getAsString();
    pattern = Pattern.compile(regex, Pattern.UNICODE_CASE | Pattern.UNICODE_CHARACTER_CLASS);
    ignoresMerges = model.get("ignore_merges").getAsBoolean();
  }

  private static int id(Map.Entry<String, JsonElement> entry) {
    return entry.getValue().getAsInt();
  }

  /** The ids of {@code text}. */
  List<Integer> encode(String text) {
    List<Integer> ids = new ArrayList<>();
    int from = 0;
    for (int at = 0; at < text.length(); ) {
      String special = addedAt(text, at);
      if (special == null) {
        at++;
        continue;
      }
      encodeText(text.substring(from, at), ids);
      ids.add(addedIds.get(special));
      at += special.length();
      from = at;
    }
    encodeText(text.substring(from), ids);
    return ids;
  }

  private String addedAt(String text, int at) {
    return added.stream().filter(token -> text.startsWith(token, at)).findFirst().orElse(null);
  }

  private void encodeText(String text, List<Integer> ids) {
    Matcher matcher = pattern.matcher(text);
    while (matcher.find()) {
      StringBuilder piece = new StringBuilder();
      for (byte b : matcher.group().getBytes(StandardCharsets.UTF_8)) {
        piece.append(ByteAlphabet.characterOf(b & 0xff));
      }
      if (ignoresMerges && vocab.containsKey(piece.toString())) {
        ids.add(vocab.get(piece.toString()));
      } else {
        merged(piece).forEach(token -> ids.add(vocab.get(token)));
      }
    }
  }

  private List<String> merged(CharSequence piece) {
    List<String> tokens = new ArrayList<>();
    piece.chars().forEach(c -> tokens.add(String.valueOf((char) c)));
    while (true) {
      int best = -1;
      int bestRank = Integer.MAX_VALUE;
      for (int i = 0; i + 1 < tokens.size(); i++) {
        int rank = ranks.getOrDefault(tokens.get(i) + " " + tokens.get(i + 1), bestRank);
        if (rank < bestRank) {
          best = i;
          bestRank = rank;
        }
      }
      if (best < 0) {
        return tokens;
      }
      tokens.set(best, tokens.get(best) + tokens.remove(best + 1));
    }
  }
}
