package dev.smalldoge.pretrain;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.Home;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.PretrainRecipe;
import dev.smalldoge.config.TrainingSettings;
import dev.smalldoge.data.Sequences;
import dev.smalldoge.data.Tokens;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.Weights;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.optim.LearningRateSchedule;
import dev.smalldoge.optim.WarmupStableDecay;
import dev.smalldoge.tokenizer.Tokenizer;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Doctor;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Torch;
import dev.smalldoge.train.Evaluation;
import dev.smalldoge.train.HeldOutLoss;
import dev.smalldoge.train.StageOptions;
import dev.smalldoge.train.TokenBatches;
import dev.smalldoge.train.TrainingPlan;
import dev.smalldoge.train.TrainingRun;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A pre-training to be started: model, data and how to train, with the defaults of the Doge-20M
 * recipe.
 *
 * <pre>{@code
 * var run = Pretraining.of(config, tokenizer, tokens)
 *     .schedule(new WarmupStableDecay(8e-3, 800, 6_400, 800, 0))
 *     .microBatchSize(8).gradientAccumulationSteps(32)
 *     .checkpoints("runs/doge-20m").start();
 * }</pre>
 */
public final class Pretraining extends StageOptions<Pretraining> {
  private static final int HELD_OUT_SEQUENCES = 64;

  private final ModelConfig config;
  private final Tokenizer tokenizer;
  private final Sequences sequences;
  private Sequences heldOut;
  private LearningRateSchedule schedule = new WarmupStableDecay(8e-3, 800, 6_400, 800, 0);
  private String startFrom;
  private Device device;
  private Precision precision;
  private int expertWarmupSteps;
  private long maxSteps;

  private Pretraining(ModelConfig config, Tokenizer tokenizer, Sequences sequences) {
    super("pretraining", "runs/pretrain", AdamW.Settings.PRETRAINING, 1);
    check(
        tokenizer.vocabSize() <= config.vocabSize(),
        "the tokenizer has %d ids and vocabSize is %d; use config.withVocabSize(%d)",
        tokenizer.vocabSize(),
        config.vocabSize(),
        tokenizer.vocabSize());
    check(
        sequences.sequenceLength() <= config.maxPositionEmbeddings(),
        "sequences have %d tokens and maxPositionEmbeddings is %d; pack(%d) or raise that",
        sequences.sequenceLength(),
        config.maxPositionEmbeddings(),
        config.maxPositionEmbeddings());
    sequences.file().requireTokenizer(tokenizer);
    this.config = config;
    this.tokenizer = tokenizer;
    this.sequences = sequences;
  }

  /**
   * A pre-training of a new model.
   *
   * @param tokenizer that made the tokens; its files go into every checkpoint
   * @throws dev.smalldoge.config.DogeException if vocabulary or length do not fit the model, or
   *     another tokenizer made the sequences
   */
  public static Pretraining of(ModelConfig config, Tokenizer tokenizer, Sequences sequences) {
    return new Pretraining(config, tokenizer, sequences);
  }

  /**
   * What a recipe describes, with its corpora tokenized.
   *
   * @param datasets folder in which corpora are looked for by name; {@code doge download} fills it
   * @throws dev.smalldoge.config.DogeException if a corpus or the tokenizer is not there
   */
  public static Pretraining of(PretrainRecipe recipe, String datasets) {
    return RecipeRun.of(recipe, datasets);
  }

  /**
   * What a recipe describes, on corpora that are tokenized already.
   *
   * @param tokens of the recipe's corpora, made with its tokenizer
   * @throws dev.smalldoge.config.DogeException if the tokenizer is not there or made other tokens
   */
  public static Pretraining of(PretrainRecipe recipe, Tokens tokens) {
    Tokenizer tokenizer = Tokenizer.load(recipe.tokenizer());
    tokens.file().requireTokenizer(tokenizer);
    return RecipeRun.of(recipe, tokenizer, tokens);
  }

  /** As {@link #of(PretrainRecipe, String)}, with the corpora in {@code datasets}. */
  public static Pretraining of(PretrainRecipe recipe) {
    return of(recipe, "datasets");
  }

  @Override
  protected Pretraining self() {
    return this;
  }

  /** Everything that a recipe says of the training but its schedule and length. */
  Pretraining settings(TrainingSettings settings) {
    take(settings);
    return this;
  }

  /** Text that is evaluated on and never trained on; null for none. */
  public Pretraining heldOut(Sequences newHeldOut) {
    if (newHeldOut != null) {
      newHeldOut.file().requireTokenizer(tokenizer);
    }
    heldOut = newHeldOut;
    return this;
  }

  /** Learning rates; unless {@link #maxSteps} says otherwise, the run has as many steps. */
  public Pretraining schedule(LearningRateSchedule newSchedule) {
    schedule = newSchedule;
    return this;
  }

  /** Updates of the whole run, where the schedule should be cut short or held on to. */
  public Pretraining maxSteps(long updates) {
    maxSteps = updates;
    return this;
  }

  /** First updates in which only router and experts of a CDMoE train; 0 for none. */
  public Pretraining expertWarmupSteps(int updates) {
    expertWarmupSteps = updates;
    return this;
  }

  /** A model folder whose weights are the start, in place of random ones. */
  public Pretraining startFrom(String modelFolder) {
    startFrom = modelFolder;
    return this;
  }

  /** Where to train; by default the first GPU, else the CPU. */
  public Pretraining device(Device newDevice) {
    device = newDevice;
    return this;
  }

  /** What to compute in; by default bf16 on a GPU and fp32 on the CPU. */
  public Pretraining precision(Precision newPrecision) {
    precision = newPrecision;
    return this;
  }

  /** What the run will need: parameters, memory, time. */
  public TrainingPlan plan() {
    Device where = chosenDevice();
    return new TrainingPlan(
        config,
        where,
        chosenPrecision(where),
        microBatchSize(),
        sequences.sequenceLength(),
        gradientAccumulationSteps(),
        steps(),
        recompute(),
        schedule);
  }

  /**
   * Trains to the end, or until interrupted, which leaves a checkpoint; a run that was stopped in
   * the same folder goes on.
   *
   * @throws dev.smalldoge.config.DogeException if the run cannot fit the memory, if the folder
   *     holds a run of other settings, if the loss is not finite, if the disk is full
   */
  public PretrainRun start() {
    Device where = chosenDevice();
    Doctor.warnOfUnusedGpu(where);
    plan().requireRoom();
    TrainingRun run = run(identity(), schedule, steps(), expertWarmupSteps, tokenizer::save);
    Operations operations = Operations.on(where);
    DogeForCausalLm model =
        run.resumedModel(where, chosenPrecision(where)).orElseGet(() -> newModel(where));
    model.recompute(recompute());
    TrainingRun.Result result =
        run.train(model, batches(sequences, operations), evaluation(operations));
    return new PretrainRun(new LanguageModel(model, tokenizer), result);
  }

  private DogeForCausalLm newModel(Device where) {
    Operations operations = Operations.on(where);
    Torch.setSeed(seed()); // experts that the start does not have are drawn anew
    Weights weights =
        startFrom == null
            ? Weights.initialize(config, operations, seed())
            : ModelFiles.weights(Home.path(startFrom), config, operations);
    return new DogeForCausalLm(config, weights, chosenPrecision(where));
  }

  private TokenBatches batches(Sequences from, Operations operations) {
    return new TokenBatches(from, microBatchSize(), operations);
  }

  private Evaluation evaluation(Operations operations) {
    if (heldOut == null || evaluateEverySteps() == 0) {
      return null;
    }
    long most = Math.min(HELD_OUT_SEQUENCES, heldOut.count());
    int count = (int) Math.max(1, most / microBatchSize());
    return new HeldOutLoss(() -> batches(heldOut, operations), count);
  }

  private Map<String, String> identity() {
    Map<String, String> identity = new LinkedHashMap<>();
    identity.put("model", config.toString());
    identity.put("tokenizer", tokenizer.fingerprint());
    identity.put("sequenceLength", String.valueOf(sequences.sequenceLength()));
    identity.put("sequences", String.valueOf(sequences.count()));
    identity.put("microBatchSize", String.valueOf(microBatchSize()));
    identity.put("gradientAccumulationSteps", String.valueOf(gradientAccumulationSteps()));
    identity.put("seed", String.valueOf(seed()));
    identity.put("startFrom", String.valueOf(startFrom));
    return identity;
  }

  private long steps() {
    return maxSteps > 0 ? maxSteps : schedule.steps();
  }

  private Device chosenDevice() {
    return device == null ? Device.best() : device;
  }

  private Precision chosenPrecision(Device where) {
    return precision == null ? Precision.of(where) : precision;
  }
}
