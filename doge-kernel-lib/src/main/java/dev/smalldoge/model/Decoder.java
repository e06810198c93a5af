package dev.smalldoge.model;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.GenerationOperations;
import dev.smalldoge.torch.GenerationOperations.DecodingRules;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.torch.Torch;
import java.util.Arrays;
import java.util.List;

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
public final class Decoder implements AutoCloseable {
  private final DogeForCausalLm model;
  private final ModelConfig config;
  private final Operations operations;
  private final GenerationOperations decoding;
  private final DecodingWeights weights;
  private final Runnable giveBack;
  private final KeyValueCache cache;
  private final RotaryEmbedding rotary;
  private final DecodingRules rules;

  /** Tokens of padding before each row, none where no row has any. */
  private int[] padding = {};

  Decoder(
      DogeForCausalLm model,
      KeptDecodingWeights.Borrowed borrowed,
      RotaryEmbedding rotary,
      int rows,
      int capacity) {
    this.model = model;
    this.config = model.config();
    this.operations = model.operations();
    this.decoding = operations.generation();
    this.weights = borrowed.weights();
    this.giveBack = borrowed.giveBack();
    this.rotary = rotary;
    this.cache = model.newCache(rows, capacity);
    this.rules =
        new DecodingRules(
            config.keepWindowSize(),
            config.slidingWindow(),
            config.isMoe() ? config.numExpertsPerTok() : 0,
            config.normTopkProb(),
            threads(config, weights.layout()),
            config.rmsNormEps());
  }

  /** Threads that the rows of every weight can be shared among; they have a multiple of 8 rows. */
  private static int threads(ModelConfig config, GenerationOperations.Layout layout) {
    int threads = Torch.threads();
    boolean even =
        8 % threads == 0
            && config.hiddenSize() % threads == 0
            && 2 * config.intermediateSize() % threads == 0
            && config.vocabSize() % threads == 0;
    return even && !layout.mirrored() && layout.type() == DType.FLOAT32 ? threads : 1;
  }

  /**
   * Logits (B, V) in FLOAT32 of what follows the prompts.
   *
   * @param inputIds INT64 (B, T)
   * @param padding tokens of padding at the beginning of each row; empty where there are none
   */
  public Tensor read(Tensor inputIds, int... padding) {
    check(
        cache.position() == 0,
        "this decoder has read %d tokens already; make a new one for other prompts",
        cache.position());
    this.padding = padding;
    List<Tensor> keyMask = padding.length == 0 ? List.of() : List.of(keyMask(inputIds.shape()));
    return model.nextLogits(inputIds, cache, keyMask);
  }

  private Tensor keyMask(long[] shape) {
    int length = (int) shape[1];
    long[] mask = new long[padding.length * length];
    for (int row = 0; row < padding.length; row++) {
      Arrays.fill(mask, row * length + padding[row], (row + 1) * length, 1);
    }
    return operations.longs(mask, padding.length, length);
  }

  /**
   * Logits (B, V) in FLOAT32 of what follows one more token of every row.
   *
   * @param tokens INT64 (B, 1)
   */
  public Tensor next(Tensor tokens) {
    cache.checkRoom(1);
    try (GradMode off = GradMode.off();
        TensorScope scope = new TensorScope()) {
      Tensor[] angles = rotary.at(cache.position(), cache.capacity(), padding);
      Tensor logits =
          decoding.decodeTokens(
              tokens,
              weights.arrays(),
              angles[0],
              angles[1],
              cache.all(),
              cache.position(),
              weights.layout(),
              rules);
      cache.advance(1);
      return scope.keep(logits);
    }
  }

  @Override
  public void close() {
    cache.close();
    giveBack.run();
  }
}
