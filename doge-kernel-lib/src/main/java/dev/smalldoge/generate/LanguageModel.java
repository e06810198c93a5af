package dev.smalldoge.generate;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.model.Precision;
import dev.smalldoge.tokenizer.Tokenizer;
import dev.smalldoge.torch.Device;
import java.nio.file.Path;

/**
 * A model with the tokenizer it was trained on: what one talks to.
 *
 * <p>Example: {@code LanguageModel.open("runs/tiny/model").generate("The sea", 40)}.
 */
public final class LanguageModel implements AutoCloseable {
  private final DogeForCausalLm model;
  private final Tokenizer tokenizer;

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
  }

  /** Opens a folder with model and tokenizer files on the best device. */
  public static LanguageModel open(String folder) {
    return open(Path.of(folder), Device.best());
  }

  /** Opens a folder with model and tokenizer files. */
  public static LanguageModel open(Path folder, Device device) {
    return new LanguageModel(
        ModelFiles.open(folder, device, Precision.of(device)), Tokenizer.load(folder));
  }

  /** The network. */
  public DogeForCausalLm model() {
    return model;
  }

  /** The tokenizer. */
  public Tokenizer tokenizer() {
    return tokenizer;
  }

  @Override
  public void close() {
    model.close();
  }
}
