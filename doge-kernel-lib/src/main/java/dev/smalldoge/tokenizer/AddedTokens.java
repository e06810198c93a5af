package dev.smalldoge.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * Finds added tokens in UTF-8 text: at each place the longest, places from left to right. Threads
 * may share it.
 */
final class AddedTokens {
  private final PairTable children = new PairTable(1024); // (node, byte) -> node
  private final PairTable ids = new PairTable(64); // (node, 0) -> id of the token that ends there
  private final boolean[] first = new boolean[256];
  private final boolean empty;

  AddedTokens(Map<String, Integer> tokens) {
    int nodes = 1;
    for (var token : tokens.entrySet()) {
      int node = 0;
      byte[] bytes = token.getKey().getBytes(StandardCharsets.UTF_8);
      for (byte b : bytes) {
        long child = children.get(PairTable.key(node, b & 0xff));
        if (child < 0) {
          child = nodes++;
          children.put(PairTable.key(node, b & 0xff), child);
        }
        node = (int) child;
      }
      ids.put(PairTable.key(node, 0), token.getValue());
      first[bytes[0] & 0xff] = true;
    }
    empty = tokens.isEmpty();
  }

  /** Where the next added token begins, from {@code from} on, or {@code to} if there is none. */
  int next(byte[] text, int from, int to) {
    if (empty) {
      return to;
    }
    for (int at = from; at < to; at++) {
      if (first[text[at] & 0xff] && match(text, at, to) >= 0) {
        return at;
      }
    }
    return to;
  }

  /** Of the longest token at {@code at}: its end and id as {@code end << 32 | id}; -1 if none. */
  long match(byte[] text, int at, int to) {
    long best = -1;
    int node = 0;
    for (int i = at; i < to; i++) {
      long child = children.get(PairTable.key(node, text[i] & 0xff));
      if (child < 0) {
        return best;
      }
      node = (int) child;
      long id = ids.get(PairTable.key(node, 0));
      if (id >= 0) {
        best = (i + 1L) << 32 | id;
      }
    }
    return best;
  }
}
