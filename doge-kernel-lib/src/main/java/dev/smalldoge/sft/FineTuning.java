package dev.smalldoge.sft;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.SftRecipe;
import dev.smalldoge.data.Sequences;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Doctor;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.train.Evaluation;
import dev.smalldoge.train.HeldOutLoss;
import dev.smalldoge.train.TokenBatches;
import dev.smalldoge.train.TrainingPlan;
import dev.smalldoge.train.Tuning;
import java.util.Map;

/**
 * A supervised fine-tuning to be started: a model, conversations as sequences whose labels say what
 * is learned, and how to train.
 *
 * <pre>{@code
 * var run = FineTuning.of(LanguageModel.open("runs/tiny/pretrain"), conversations)
 *     .microBatchSize(4).gradientAccumulationSteps(2).epochs(2)
 *     .checkpoints("runs/tiny/sft").start();
 * }</pre>
 */
public final class FineTuning extends Tuning<FineTuning> {
  private static final int HELD_OUT_SEQUENCES = 64;

  private final LanguageModel start;
  private final Sequences sequences;
  private Sequences heldOut;

  private FineTuning(LanguageModel start, Sequences sequences) {
    super("fine-tuning", "runs/sft", 8e-4);
    int most = start.model().config().maxPositionEmbeddings();
    check(
        sequences.sequenceLength() <= most,
        "sequences have %d tokens and the model's positions end at %d; pack(%d)",
        sequences.sequenceLength(),
        most,
        most);
    sequences.file().requireTokenizer(start.tokenizer());
    this.start = start;
    this.sequences = sequences;
  }

  /**
   * A fine-tuning of a copy of {@code start}.
   *
   * @param sequences packed conversations, with labels on what is to be learned
   * @throws dev.smalldoge.config.DogeException if another tokenizer made them, or they are longer
   *     than the model's positions
   */
  public static FineTuning of(LanguageModel start, Sequences sequences) {
    return new FineTuning(start, sequences);
  }

  /**
   * What a recipe describes, with its model opened and its corpora tokenized.
   *
   * @param datasets folder in which corpora are looked for by name; {@code doge download} fills it
   * @throws dev.smalldoge.config.DogeException if the model or a corpus is not there
   */
  public static FineTuning of(SftRecipe recipe, String datasets, Device device) {
    return RecipeRun.of(recipe, datasets, device);
  }

  /** As above, with the corpora in {@code datasets}, on the best device. */
  public static FineTuning of(SftRecipe recipe) {
    return of(recipe, "datasets", Device.best());
  }

  @Override
  protected FineTuning self() {
    return this;
  }

  /** Conversations that are evaluated on and never trained on; null for none. */
  public FineTuning heldOut(Sequences newHeldOut) {
    if (newHeldOut != null) {
      newHeldOut.file().requireTokenizer(start.tokenizer());
    }
    heldOut = newHeldOut;
    return this;
  }

  /** What the run will need: parameters, memory, time. */
  public TrainingPlan plan() {
    return plan(
        start.model(), microBatchSize(), sequences.sequenceLength(), steps(sequences.count()));
  }

  /**
   * Trains to the end, or until interrupted, which leaves a checkpoint; a run that was stopped in
   * the same folder goes on.
   *
   * @return the model just trained; the one that it started from is as it was
   * @throws dev.smalldoge.config.DogeException if the run cannot fit the memory, if the folder
   *     holds a run of other settings, if the loss is not finite, if the disk is full
   */
  public FineTuningRun start() {
    Operations operations = start.model().operations();
    Doctor.warnOfUnusedGpu(operations.device());
    plan().requireRoom();
    Map<String, String> own =
        Map.of(
            "sequenceLength", String.valueOf(sequences.sequenceLength()),
            "sequences", String.valueOf(sequences.count()));
    Trained trained =
        train(
            start.model(),
            start.tokenizer(),
            steps(sequences.count()),
            own,
            new ConversationBatches(new TokenBatches(sequences, microBatchSize(), operations)),
            evaluation(operations));
    return new FineTuningRun(
        new LanguageModel(trained.model(), start.tokenizer()), trained.result());
  }

  private Evaluation evaluation(Operations operations) {
    if (heldOut == null || evaluateEverySteps() == 0) {
      return null;
    }
    long most = Math.min(HELD_OUT_SEQUENCES, heldOut.count());
    int batches = (int) Math.max(1, most / microBatchSize());
    return new HeldOutLoss(() -> new TokenBatches(heldOut, microBatchSize(), operations), batches);
  }
}
