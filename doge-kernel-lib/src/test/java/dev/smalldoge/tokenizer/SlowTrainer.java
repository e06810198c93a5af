package dev.smalldoge.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The plain twin of the trainer: java.util.regex, lists, and all pairs counted anew each time. */
final class SlowTrainer {
  private record Pair(int left, int right) implements Comparable<Pair> {
    @Override
    public int compareTo(Pair other) {
      return left != other.left
          ? Integer.compare(left, other.left)
          : Integer.compare(right, other.right);
    }
  }

  final List<String> tokens = new ArrayList<>();
  final List<String> merges = new ArrayList<>();
  private final Map<List<Integer>, Long> words = new java.util.HashMap<>();

  SlowTrainer(List<String> texts, int size) {
    Set<String> sorted = new java.util.TreeSet<>();
    for (int b = 0; b < 256; b++) {
      sorted.add(String.valueOf(ByteAlphabet.characterOf(b)));
    }
    tokens.addAll(sorted);
    Pattern pattern =
        Pattern.compile(
            PieceScanner.LLAMA_3, Pattern.UNICODE_CASE | Pattern.UNICODE_CHARACTER_CLASS);
    for (String text : texts) {
      Matcher matcher = pattern.matcher(text);
      while (matcher.find()) {
        List<Integer> word = new ArrayList<>();
        for (byte b : matcher.group().getBytes(StandardCharsets.UTF_8)) {
          word.add(tokens.indexOf(String.valueOf(ByteAlphabet.characterOf(b & 0xff))));
        }
        words.merge(word, 1L, Long::sum);
      }
    }
    while (tokens.size() < size && mergeOnce()) {}
  }

  private boolean mergeOnce() {
    Map<Pair, Long> counts = new TreeMap<>();
    words.forEach(
        (word, count) -> {
          for (int i = 0; i + 1 < word.size(); i++) {
            counts.merge(new Pair(word.get(i), word.get(i + 1)), count, Long::sum);
          }
        });
    Pair best = null;
    for (var entry : counts.entrySet()) {
      if (entry.getValue() >= 2 && (best == null || entry.getValue() > counts.get(best))) {
        best = entry.getKey();
      }
    }
    if (best == null) {
      return false;
    }
    String token = tokens.get(best.left()) + tokens.get(best.right());
    merges.add(tokens.get(best.left()) + " " + tokens.get(best.right()));
    Set<String> all = new LinkedHashSet<>(tokens);
    if (all.add(token)) {
      tokens.add(token);
    }
    int id = tokens.indexOf(token);
    Map<List<Integer>, Long> merged = new java.util.HashMap<>();
    for (var entry : words.entrySet()) {
      merged.merge(merge(entry.getKey(), best, id), entry.getValue(), Long::sum);
    }
    words.clear();
    words.putAll(merged);
    return true;
  }

  private static List<Integer> merge(List<Integer> word, Pair pair, int id) {
    List<Integer> merged = new ArrayList<>();
    for (int i = 0; i < word.size(); i++) {
      if (i + 1 < word.size() && word.get(i) == pair.left() && word.get(i + 1) == pair.right()) {
        merged.add(id);
        i++;
      } else {
        merged.add(word.get(i));
      }
    }
    return merged;
  }
}
