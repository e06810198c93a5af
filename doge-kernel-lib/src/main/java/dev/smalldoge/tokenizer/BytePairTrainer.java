package dev.smalldoge.tokenizer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Finds the merges of a byte-level BPE vocabulary: again and again the most frequent pair of
 * neighbours becomes a token, until there are enough tokens or no pair occurs twice.
 *
 * <p>Of equally frequent pairs the one with the lower ids wins, as in the trainer of Hugging Face
 * tokenizers, so that the result depends on the counts alone. Counts are kept up to date where a
 * merge changes them, never made anew. For one thread.
 */
final class BytePairTrainer {
  private static final long MIN_COUNT = 2;

  /** Tokens 0 to 255 are the bytes in the order of the characters that stand for them. */
  private final List<byte[]> tokens = new ArrayList<>();

  private final List<int[]> merges = new ArrayList<>();
  private final PieceTable ids = new PieceTable(1 << 16);
  private final PairCounts pairs = new PairCounts();
  private final long[] counts; // of each word
  private final int[] starts; // of each word in symbols
  private final int[] lengths;
  private int[] symbols = new int[1 << 20];

  private BytePairTrainer(PieceTable pieces) {
    int[] byteIds = new int[256];
    List<Integer> bytes = new ArrayList<>();
    for (int b = 0; b < 256; b++) {
      bytes.add(b);
    }
    bytes.sort((a, b) -> ByteAlphabet.characterOf(a) - ByteAlphabet.characterOf(b));
    for (int b : bytes) {
      byteIds[b] = tokens.size();
      addToken(new byte[] {(byte) b});
    }
    counts = new long[pieces.size()];
    starts = new int[pieces.size()];
    lengths = new int[pieces.size()];
    int[] words = {0, 0}; // words, symbols
    pieces.forEach(
        (text, from, length, count) -> {
          int word = words[0]++;
          counts[word] = count;
          starts[word] = words[1];
          lengths[word] = length;
          words[1] += length;
          if (symbols.length < words[1]) {
            symbols = Arrays.copyOf(symbols, Math.max(words[1], 2 * symbols.length));
          }
          for (int i = 0; i < length; i++) {
            symbols[starts[word] + i] = byteIds[text[from + i] & 0xff];
          }
        });
  }

  /**
   * Trains.
   *
   * @param pieces pieces of text with their counts
   * @param size tokens to end with, of which 256 are bytes
   */
  static BytePairTrainer train(PieceTable pieces, int size) {
    BytePairTrainer trainer = new BytePairTrainer(pieces);
    trainer.countPairs();
    while (trainer.tokens.size() < size && trainer.mergeMostFrequent()) {}
    return trainer;
  }

  /** The bytes of each token, by id. */
  List<byte[]> tokens() {
    return tokens;
  }

  /** The merges in order, each a left and a right id. */
  List<int[]> merges() {
    return merges;
  }

  private void countPairs() {
    for (int word = 0; word < counts.length; word++) {
      int end = starts[word] + lengths[word];
      for (int i = starts[word]; i + 1 < end; i++) {
        pairs.add(symbols[i], symbols[i + 1], counts[word], word);
      }
    }
    pairs.offerRisen();
  }

  private boolean mergeMostFrequent() {
    int pair = pairs.mostFrequent();
    if (pair < 0 || pairs.count(pair) < MIN_COUNT) {
      return false;
    }
    int left = pairs.left(pair);
    int right = pairs.right(pair);
    merges.add(new int[] {left, right});
    int merged = addToken(join(tokens.get(left), tokens.get(right)));
    int[] words = pairs.words(pair);
    for (int i = 0; i < pairs.wordCount(pair); i++) {
      mergeIn(words[i], left, right, merged);
    }
    pairs.clear(pair);
    pairs.offerRisen();
    return true;
  }

  private static byte[] join(byte[] left, byte[] right) {
    byte[] joined = Arrays.copyOf(left, left.length + right.length);
    System.arraycopy(right, 0, joined, left.length, right.length);
    return joined;
  }

  /** The id of a token, new unless two other halves have made the same bytes before. */
  private int addToken(byte[] bytes) {
    int place = ids.find(bytes, 0, bytes.length);
    if (ids.holds(place)) {
      return (int) ids.value(place);
    }
    ids.insert(place, bytes, 0, tokens.size());
    tokens.add(bytes);
    return tokens.size() - 1;
  }

  /** Merges one pair from left to right in one word, and moves the counts of its neighbours. */
  private void mergeIn(int word, int left, int right, int merged) {
    long count = counts[word];
    int start = starts[word];
    int end = start + lengths[word];
    int out = start;
    for (int i = start; i < end; ) {
      if (i + 1 == end || symbols[i] != left || symbols[i + 1] != right) {
        symbols[out++] = symbols[i++];
        continue;
      }
      if (out > start) {
        pairs.subtract(symbols[out - 1], left, count);
        pairs.add(symbols[out - 1], merged, count, word);
      }
      if (i + 2 < end) {
        pairs.subtract(right, symbols[i + 2], count);
        pairs.add(merged, symbols[i + 2], count, word);
      }
      symbols[out++] = merged;
      i += 2;
    }
    lengths[word] = out - start;
  }
}
