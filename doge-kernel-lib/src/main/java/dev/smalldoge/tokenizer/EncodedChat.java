package dev.smalldoge.tokenizer;

import static dev.smalldoge.config.Checks.check;

/**
 * A conversation as ids, and which of them a model is trained on.
 *
 * @param ids the whole rendered conversation, its BOS included once
 * @param trained as long as {@code ids}: true for what the assistant says and the token that ends
 *     its turn, false for everything else, headers included
 */
@SuppressWarnings("ArrayRecordComponent") // handed to the token writer as they are, never compared
public record EncodedChat(int[] ids, boolean[] trained) {
  /** Checks that both arrays are of one length. */
  public EncodedChat {
    check(
        ids.length == trained.length,
        "%d ids came with %d marks; give one mark for each id",
        ids.length,
        trained.length);
  }

  /** Number of ids that are trained on. */
  public int trainedCount() {
    int count = 0;
    for (boolean one : trained) {
      count += one ? 1 : 0;
    }
    return count;
  }
}
