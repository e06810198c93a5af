package dev.smalldoge.model;

import dev.smalldoge.torch.Tensor;
import java.util.Optional;

/**
 * Reads prompts, then one token of every row at a time: B rows, T tokens, V vocabulary. Keys,
 * values and mask biases of what it has read stay in its cache; past {@code keepWindowSize} each
 * query sees the keys of the largest biases only.
 *
 * <p>Rows shorter than others are padded on the left, and positions count real tokens, so that a
 * row's logits are those that it has alone. Under a dynamic rotary base each token is turned by the
 * base of the length at which it was read, and stays so, as in Hugging Face transformers; beyond
 * the original length the base is that of the longest row.
 *
 * <p>Example: {@code try (Decoder decoder = model.newDecoder(1, 64)) { decoder.read(ids,
 * List.of()); … decoder.next(token); }}. For one thread.
 */
public interface Decoder extends AutoCloseable {
  /**
   * Logits (B, V) in FLOAT32 of what follows the prompts; without padding, of what follows them
   * after all that was read before.
   *
   * @param inputIds INT64 (B, T)
   * @param padding tokens of padding at the beginning of each row; empty where there are none
   */
  Tensor read(Tensor inputIds, int... padding);

  /**
   * Logits (B, V) in FLOAT32 of what follows one more token of every row.
   *
   * @param tokens INT64 (B, 1)
   */
  Tensor next(Tensor tokens);

  /** Forgets what each row read after its first {@code tokens}, so that it can be read anew. */
  void rewind(int tokens);

  /** Whether what was read is still what the model's weights make of it; never while they train. */
  boolean isCurrent();

  /** What writes after the prompts without the host; empty where nothing does. */
  default Optional<TokenWriter> tokenWriter() {
    return Optional.empty();
  }

  @Override
  void close();
}
