package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.GenerationOperations;
import dev.smalldoge.torch.GenerationOperations.DecodingRules;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.torch.Torch;

/**
 * Decodes by scripts: serves every model, on every device. A step is one call, which launches each
 * of its operations.
 */
final class PlainDecoder implements Decoder {
  private final DogeForCausalLm model;
  private final ModelConfig config;
  private final Operations operations;
  private final GenerationOperations decoding;
  private final DecodingWeights weights;
  private final KeptDecodingWeights.Borrowed borrowed;
  private final KeyValueCache cache;
  private final RotaryEmbedding rotary;
  private final DecodingRules rules;

  /** Tokens of padding before each row, none where no row has any. */
  private int[] padding = {};

  PlainDecoder(
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
    this.borrowed = borrowed;
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

  @Override
  public Tensor read(Tensor inputIds, int... padding) {
    this.padding = padding;
    return PromptReading.read(model, inputIds, cache, padding);
  }

  @Override
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
  public void rewind(int tokens) {
    cache.rewind(tokens);
  }

  @Override
  public boolean isCurrent() {
    return borrowed.isCurrent();
  }

  @Override
  public void close() {
    cache.close();
    borrowed.giveBack().run();
  }
}
