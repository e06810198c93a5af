package dev.smalldoge.dpo;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.DpoRecipe;
import dev.smalldoge.config.PreferenceLoss;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Doctor;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.train.Evaluation;
import dev.smalldoge.train.TrainingPlan;
import dev.smalldoge.train.Tuning;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Map;

/**
 * A direct preference optimisation to be started: a fine-tuned model, pairs of answers, and how to
 * train. The reference model is the one it starts from unless another is given.
 *
 * <pre>{@code
 * var run = PreferenceOptimization.of(LanguageModel.open("runs/tiny/sft"), pairs)
 *     .loss(new PreferenceLoss(SIGMOID, 0.1, 0)).microBatchSize(4)
 *     .checkpoints("runs/tiny/dpo").start();
 * }</pre>
 */
public final class PreferenceOptimization extends Tuning<PreferenceOptimization> {
  private final LanguageModel start;
  private final PreferencePairs pairs;
  private LanguageModel reference;
  private PreferencePairs heldOut;
  private PreferenceLoss loss = PreferenceLoss.DEFAULT;

  private PreferenceOptimization(LanguageModel start, PreferencePairs pairs) {
    super("preference optimisation", "runs/dpo", 8e-5);
    int most = start.model().config().maxPositionEmbeddings();
    check(
        pairs.maxLength() <= most,
        "pairs have up to %d tokens and the model's positions end at %d; encode them with maxLength"
            + " %d",
        pairs.maxLength(),
        most,
        most);
    requireSame("pairs", pairs.tokenizer().fingerprint(), start);
    this.start = start;
    this.reference = start;
    this.pairs = pairs;
  }

  /**
   * An optimisation of a copy of {@code start}.
   *
   * @throws DogeException if another tokenizer made the pairs, or they are longer than the model's
   *     positions
   */
  public static PreferenceOptimization of(LanguageModel start, PreferencePairs pairs) {
    return new PreferenceOptimization(start, pairs);
  }

  private static void requireSame(String what, String fingerprint, LanguageModel start) {
    check(
        fingerprint.equals(start.tokenizer().fingerprint()),
        "the %s and the model have different tokenizers (%s…, %s…), so their ids mean different"
            + " texts; use the model's own tokenizer",
        what,
        fingerprint.substring(0, 8),
        start.tokenizer().fingerprint().substring(0, 8));
  }

  /**
   * What a recipe describes, with its model opened and its corpora tokenized.
   *
   * @param datasets folder in which corpora are looked for by name; {@code doge download} fills it
   * @throws dev.smalldoge.config.DogeException if the model or a corpus is not there
   */
  public static PreferenceOptimization of(DpoRecipe recipe, String datasets, Device device) {
    return RecipeRun.of(recipe, datasets, device);
  }

  /** As above, with the corpora in {@code datasets}, on the best device. */
  public static PreferenceOptimization of(DpoRecipe recipe) {
    return of(recipe, "datasets", Device.best());
  }

  @Override
  protected PreferenceOptimization self() {
    return this;
  }

  /** Form, beta and label smoothing of the loss. */
  public PreferenceOptimization loss(PreferenceLoss newLoss) {
    loss = newLoss;
    return this;
  }

  /**
   * A reference model other than the one to start from.
   *
   * @throws DogeException if its vocabulary is another one
   */
  public PreferenceOptimization referenceModel(LanguageModel newReference) {
    check(
        newReference.model().config().vocabSize() == start.model().config().vocabSize(),
        "the reference model has %d ids and the model %d; log-probabilities compare only over one"
            + " vocabulary, so use the model before its preferences",
        newReference.model().config().vocabSize(),
        start.model().config().vocabSize());
    requireSame("reference model", newReference.tokenizer().fingerprint(), start);
    reference = newReference;
    return this;
  }

  /** Pairs that are evaluated on and never trained on; null for none. */
  public PreferenceOptimization heldOut(PreferencePairs newHeldOut) {
    if (newHeldOut != null) {
      requireSame("held-out pairs", newHeldOut.tokenizer().fingerprint(), start);
    }
    heldOut = newHeldOut;
    return this;
  }

  /** What the run will need: parameters, memory, time. */
  public TrainingPlan plan() {
    return plan(start.model(), 2 * microBatchSize(), pairs.maxLength(), steps(pairs.count()));
  }

  /**
   * Scores the pairs with the reference model, then trains to the end, or until interrupted, which
   * leaves a checkpoint; a run that was stopped in the same folder goes on.
   *
   * @return the model just trained; the one that it started from is as it was
   * @throws DogeException if the run cannot fit the memory, if the folder holds a run of other
   *     settings, if the loss is not finite, if the disk is full
   */
  public PreferenceRun start() {
    Operations operations = start.model().operations();
    Doctor.warnOfUnusedGpu(operations.device());
    plan().requireRoom();
    Map<String, String> own = Map.of("loss", loss.toString(), "pairs", pairs.fingerprint());
    Trained trained =
        train(
            start.model(),
            start.tokenizer(),
            steps(pairs.count()),
            own,
            new PairBatches(
                pairs,
                scores("reference.safetensors", pairs),
                loss,
                microBatchSize(),
                seed(),
                operations),
            evaluation());
    PreferenceRun run =
        new PreferenceRun(new LanguageModel(trained.model(), start.tokenizer()), trained.result());
    run.saveCharts();
    return run;
  }

  private ReferenceScores scores(String file, PreferencePairs of) {
    try {
      Files.createDirectories(folder());
    } catch (IOException e) {
      throw new DogeException(
          "Cannot create the run folder " + folder() + " (" + e + "); choose another", e);
    }
    return ReferenceScores.storedOr(
        folder().resolve(file), reference.model(), of, microBatchSize());
  }

  private Evaluation evaluation() {
    if (heldOut == null || evaluateEverySteps() == 0) {
      return null;
    }
    return new HeldOutPairs(
        heldOut, scores("reference-held-out.safetensors", heldOut), loss, microBatchSize());
  }
}
