package dev.smalldoge.dpo;

import static dev.smalldoge.config.Checks.check;

/**
 * A prompt with two answers as token ids.
 *
 * @param prompt with the header of the assistant's turn
 * @param chosen the better answer, with the token that ends it
 * @param rejected the other one
 */
@SuppressWarnings("ArrayRecordComponent") // read by batches, never compared
record EncodedPair(int[] prompt, int[] chosen, int[] rejected) {
  EncodedPair {
    check(
        prompt.length > 0 && chosen.length > 0 && rejected.length > 0,
        "a pair has %d prompt tokens, %d of the chosen and %d of the rejected answer; each needs"
            + " one",
        prompt.length,
        chosen.length,
        rejected.length);
  }

  /** Tokens of the longer row. */
  int length() {
    return prompt.length + Math.max(chosen.length, rejected.length);
  }
}
