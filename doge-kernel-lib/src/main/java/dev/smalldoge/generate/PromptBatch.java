package dev.smalldoge.generate;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.RopeScaling;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import java.util.Arrays;
import java.util.List;

/**
 * Prompts of any lengths as one rectangle: short ones are filled up on the left, so that the last
 * token of each stands in the last column.
 */
final class PromptBatch {
  private final List<int[]> prompts;
  private final int length;

  PromptBatch(List<int[]> prompts) {
    check(!prompts.isEmpty(), "there is no prompt; give at least one");
    prompts.forEach(
        p -> check(p.length > 0, "a prompt has no tokens; give the model a few words to go on"));
    this.prompts = prompts;
    this.length = prompts.stream().mapToInt(p -> p.length).max().getAsInt();
  }

  /** Checks that the model knows every id, and positions for {@code newTokens} more. */
  void requireFits(ModelConfig config, int newTokens) {
    int positions = mostPositions(config);
    check(
        length < positions,
        "the prompt has %d tokens and the model knows %d positions; shorten it to fewer than %d",
        length,
        positions,
        positions);
    check(
        length + newTokens <= positions,
        "maxNewTokens %d after a prompt of %d tokens passes the model's %d positions; use at most"
            + " %d",
        newTokens,
        length,
        positions,
        positions - length);
    for (int[] prompt : prompts) {
      for (int id : prompt) {
        check(
            id >= 0 && id < config.vocabSize(),
            "the prompt holds token id %d, but the model knows ids 0 to %d; use the tokenizer that"
                + " the model was trained with",
            id,
            config.vocabSize() - 1);
      }
    }
  }

  /** Positions that the rotary embedding serves: a dynamic one stretches by its factor. */
  static int mostPositions(ModelConfig config) {
    RopeScaling scaling = config.ropeScaling();
    if (!scaling.isDynamic()) {
      return config.maxPositionEmbeddings();
    }
    int stretched = (int) (scaling.factor() * scaling.originalMaxPositionEmbeddings());
    return Math.max(config.maxPositionEmbeddings(), stretched);
  }

  int size() {
    return prompts.size();
  }

  /** Tokens of the longest prompt. */
  int length() {
    return length;
  }

  /** Tokens that each prompt is shorter than the longest; empty where all are of one length. */
  int[] padding() {
    int[] padding = prompts.stream().mapToInt(p -> length - p.length).toArray();
    return Arrays.stream(padding).anyMatch(p -> p > 0) ? padding : new int[0];
  }

  /** INT64 (B, T), filled up with {@code padTokenId}. */
  Tensor inputIds(Operations operations, int padTokenId) {
    long[] flat = new long[size() * length];
    Arrays.fill(flat, padTokenId);
    for (int row = 0; row < size(); row++) {
      int[] prompt = prompts.get(row);
      for (int i = 0; i < prompt.length; i++) {
        flat[(row + 1) * length - prompt.length + i] = prompt[i];
      }
    }
    return operations.longs(flat, size(), length);
  }

  /** INT64 (B, T): 0 for padding, 1 for the prompt. */
  Tensor keyMask(Operations operations) {
    long[] flat = new long[size() * length];
    for (int row = 0; row < size(); row++) {
      Arrays.fill(flat, (row + 1) * length - prompts.get(row).length, (row + 1) * length, 1);
    }
    return operations.longs(flat, size(), length);
  }
}
