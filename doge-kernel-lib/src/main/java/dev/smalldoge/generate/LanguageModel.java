package dev.smalldoge.generate;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.GenerationConfig;
import dev.smalldoge.config.Home;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.model.Precision;
import dev.smalldoge.tokenizer.Tokenizer;
import dev.smalldoge.torch.Device;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;

/**
 * A model with the tokenizer it was trained on: what one talks to.
 *
 * <p>Example: {@code LanguageModel.open("runs/tiny/model").generate("The sea", 40)}.
 */
public final class LanguageModel implements AutoCloseable {
  private final DogeForCausalLm model;
  private final Tokenizer tokenizer;
  private final KeptReading reading;

  /** A model and its tokenizer. */
  public LanguageModel(DogeForCausalLm model, Tokenizer tokenizer) {
    check(
        tokenizer.vocabSize() <= model.config().vocabSize(),
        "the tokenizer has %d ids, the model's vocabulary %d; use the tokenizer that the model was"
            + " trained with",
        tokenizer.vocabSize(),
        model.config().vocabSize());
    this.model = model;
    this.tokenizer = tokenizer;
    this.reading = new KeptReading(model);
  }

  /** Opens a folder with model and tokenizer files on the best device. */
  public static LanguageModel open(String folder) {
    return open(Home.path(folder), Device.best());
  }

  /** Opens a folder with model and tokenizer files, in fp32 on the CPU and bf16 on a GPU. */
  public static LanguageModel open(Path folder, Device device) {
    return open(folder, device, Precision.of(device));
  }

  /**
   * Opens a folder with model and tokenizer files. On an x86 CPU fp16 weights write larger models
   * about twice as fast as fp32, and hardly ever another token.
   */
  public static LanguageModel open(Path folder, Device device, Precision precision) {
    return new LanguageModel(ModelFiles.open(folder, device, precision), Tokenizer.load(folder));
  }

  /** The network. */
  public DogeForCausalLm model() {
    return model;
  }

  /** What a conversation with it has read. */
  KeptReading reading() {
    return reading;
  }

  /** The tokenizer. */
  public Tokenizer tokenizer() {
    return tokenizer;
  }

  /**
   * Writes after a prompt, taking the likeliest token each time.
   *
   * @param maxNewTokens most tokens to write
   * @throws dev.smalldoge.config.DogeException if the prompt is empty, or too long for the model
   */
  public Generation generate(String prompt, int maxNewTokens) {
    return generator().maxNewTokens(maxNewTokens).run(prompt);
  }

  /** Writes after a prompt as {@code config} says, with seed 0. */
  public Generation generate(String prompt, GenerationConfig config) {
    return generator().config(config).run(prompt);
  }

  /** Writes after each prompt, all at once, as {@code config} says, with seed 0. */
  public List<Generation> generate(List<String> prompts, GenerationConfig config) {
    return generator().config(config).run(prompts);
  }

  /** Writing with a seed, stop strings, a listener, or a handle that ends it. */
  public Generator generator() {
    return new Generator(this);
  }

  /**
   * Ids of a text, opened as the model's training texts are: with BOS, once, where the tokenizer
   * puts one before texts.
   *
   * @param text not empty, though it may be a BOS alone
   */
  public int[] encode(String text) {
    int[] ids = tokenizer.encode(text);
    OptionalInt bos = tokenizer.openingId();
    if (bos.isEmpty() || (ids.length > 0 && ids[0] == bos.getAsInt())) {
      return ids;
    }
    int[] opened = new int[ids.length + 1];
    opened[0] = bos.getAsInt();
    System.arraycopy(ids, 0, opened, 1, ids.length);
    return opened;
  }

  /** Greedy, with the tokens that end the tokenizer's texts. */
  public GenerationConfig generationConfig() {
    return GenerationConfig.DEFAULT.with(
        g -> {
          g.bosTokenId = tokenizer.openingId().orElse(model.config().bosTokenId());
          g.eosTokenIds = List.of(tokenizer.eosTokenId());
          g.padTokenId = tokenizer.padTokenId();
        });
  }

  @Override
  public void close() {
    reading.close();
    model.close();
  }
}
