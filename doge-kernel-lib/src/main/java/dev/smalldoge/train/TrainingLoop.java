package dev.smalldoge.train;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.io.WeightNames;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.optim.LearningRateSchedule;
import dev.smalldoge.optim.Optimizer;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.Torch;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The training loop of every stage: batches to gradients, gradients to one update of the optimizer,
 * and what happens around it through listeners.
 *
 * <p>The loss is the sum of nats over the counted tokens of the whole accumulation window divided
 * by their number, so 1 × 8 and 8 × 1 give the same gradient. Figures are read from the device one
 * step late. A loss or norm that is not finite changes no weight and ends the run with the last
 * checkpoint untouched. An interrupt ends it at the end of a step, with a checkpoint.
 *
 * <p>Several {@link Ranks} run the loop together, step by step: each backward pass over
 * micro-batches of its own, then one update of all by the sum of their gradients. Rank 0 alone
 * evaluates and saves; an interrupt of any ends all at the same step.
 */
public final class TrainingLoop {
  /**
   * The numbers of a run.
   *
   * @param maxSteps optimizer updates of the whole run
   * @param gradientAccumulationSteps micro-batches per update, those of all ranks together
   * @param evaluateEverySteps steps between evaluations; 0 for none
   * @param saveEverySteps steps between checkpoints; 0 for the last step alone
   * @param seed of dropout; each step's numbers depend on it and on the step alone
   * @param expertWarmupSteps first steps in which only router and experts train; 0 for none
   */
  public record Settings(
      long maxSteps,
      int gradientAccumulationSteps,
      long evaluateEverySteps,
      long saveEverySteps,
      long seed,
      long expertWarmupSteps) {
    /** Checks the ranges. */
    public Settings {
      check(maxSteps > 0, "maxSteps %d is not positive; give at least 1", maxSteps);
      check(
          gradientAccumulationSteps > 0,
          "gradientAccumulationSteps %d is not positive; use 1",
          gradientAccumulationSteps);
      check(
          evaluateEverySteps >= 0 && saveEverySteps >= 0 && expertWarmupSteps >= 0,
          "evaluateEverySteps %d, saveEverySteps %d and expertWarmupSteps %d must not be negative;"
              + " use 0 for none",
          evaluateEverySteps,
          saveEverySteps,
          expertWarmupSteps);
    }
  }

  private static final long RANK_SEEDS = 1_000_003;

  /** Relative difference of the ranks' gradient norms, which are equal but for rounding. */
  private static final double DRIFT = 1e-3;

  private final DogeForCausalLm model;
  private final Optimizer optimizer;
  private final LearningRateSchedule schedule;
  private final BatchSource batches;
  private final Settings settings;
  private final Evaluation evaluation;
  private final Checkpoints checkpoints;
  private final List<TrainingListener> listeners;
  private final Ranks ranks;
  private final GradientBuckets buckets;
  private final int ownMicroBatches;
  private final LossWindow recent = new LossWindow();
  private final long started = System.nanoTime();
  private Pending pending;
  private long step;
  private long savedAt;
  private long tokensSeen;
  private volatile boolean stopAsked;

  /**
   * A loop that starts at step 0, or where {@code checkpoints} last saved.
   *
   * @param evaluation held-out text; null for none
   * @param checkpoints where to save; null to save nothing
   */
  public TrainingLoop(
      DogeForCausalLm model,
      Optimizer optimizer,
      LearningRateSchedule schedule,
      BatchSource batches,
      Settings settings,
      Evaluation evaluation,
      Checkpoints checkpoints,
      List<TrainingListener> listeners) {
    this(
        model,
        optimizer,
        schedule,
        batches,
        settings,
        evaluation,
        checkpoints,
        listeners,
        Ranks.ALONE);
  }

  /**
   * The same loop as one of several ranks, which all have the same arguments but for the listeners.
   *
   * @param batches the micro-batches of all ranks; this one takes its share
   */
  public TrainingLoop(
      DogeForCausalLm model,
      Optimizer optimizer,
      LearningRateSchedule schedule,
      BatchSource batches,
      Settings settings,
      Evaluation evaluation,
      Checkpoints checkpoints,
      List<TrainingListener> listeners,
      Ranks ranks) {
    this.model = model;
    this.optimizer = optimizer;
    this.schedule = schedule;
    this.batches = ranks.share(batches);
    this.settings = settings;
    this.evaluation = evaluation;
    this.checkpoints = checkpoints;
    this.listeners = List.copyOf(listeners);
    this.ranks = ranks;
    this.buckets = ranks.buckets(model);
    this.ownMicroBatches = ranks.share(settings.gradientAccumulationSteps);
  }

  /**
   * Continues from a saved state; says on System.err where the learning rate jumps up by it,
   * because the checkpoint is of another schedule's decay.
   */
  public void resume(TrainingState state) {
    jump(schedule, state).ifPresent(System.err::println);
    step = state.step();
    tokensSeen = state.tokensSeen();
    batches.seek(state.position());
    optimizer.restore(state.moments(), state.updates());
  }

  /** A sentence where the schedule's rate of the state's last update is above the one it had. */
  static Optional<String> jump(LearningRateSchedule schedule, TrainingState state) {
    double before = state.learningRate();
    double now = schedule.at(Math.max(0, state.step() - 1));
    if (state.step() == 0 || now <= 1.01 * before) {
      return Optional.empty();
    }
    return Optional.of(
        String.format(
            Locale.ROOT,
            "WARNING: the learning rate jumps from %.2e to about %.2e at step %d, since the"
                + " checkpoint is of a schedule that had already fallen; continue from a checkpoint"
                + " of the plateau to avoid a spike of the loss",
            before,
            now,
            state.step()));
  }

  /** Updates done so far, those of earlier sessions included. */
  public long step() {
    return step;
  }

  /** Asks the loop to end at the end of the current step, with a checkpoint. */
  public void stop() {
    stopAsked = true;
  }

  /**
   * Trains to the last step, or until stopped.
   *
   * @return whether all steps were done
   * @throws DogeException when loss or norm is not finite
   */
  public boolean run() {
    model.slowTraining().filter(why -> ranks.isFirst()).ifPresent(System.err::println);
    chooseTrained();
    ranks.align(model, step, settings.maxSteps, batches.position());
    savedAt = step;
    while (step < settings.maxSteps && !ranks.any(stopAsked || Thread.interrupted())) {
      trainOneStep();
      if (due(settings.evaluateEverySteps) && evaluation != null) {
        evaluate();
      }
      if (due(settings.saveEverySteps) && step < settings.maxSteps) {
        save();
      }
    }
    report();
    boolean complete = step >= settings.maxSteps;
    if (step > savedAt) {
      save();
    }
    listeners.forEach(l -> l.finished(complete));
    return complete;
  }

  private void evaluate() {
    report();
    if (ranks.isFirst()) {
      EvaluationMetrics metrics = evaluation.run(model, step);
      listeners.forEach(l -> l.evaluated(metrics));
    }
  }

  private boolean due(long every) {
    return every > 0 && step % every == 0;
  }

  private void trainOneStep() {
    if (step > 0 && step == settings.expertWarmupSteps) {
      chooseTrained();
    }
    Torch.setSeed(settings.seed + step + ranks.rank() * RANK_SEEDS);
    final long began = System.nanoTime();
    List<MicroBatch> window = batches.next(ownMicroBatches);
    long own = window.stream().mapToLong(MicroBatch::counted).sum();
    long counted = Math.round(ranks.sum((double) own)[0]);
    check(counted > 0, "step %d has no token to train on; check the labels of the data", step);
    long tokens = window.stream().mapToLong(MicroBatch::tokens).sum();
    List<MicroBatch.Result> results = backward(window, counted);
    double learningRate = schedule.at(step);
    Tensor gradNorm = optimizer.update(learningRate);
    report();
    tokensSeen += counted;
    pending =
        new Pending(step, results, gradNorm, learningRate, counted, tokensSeen, tokens, began);
    step++;
  }

  /** Adds the gradients of a step's micro-batches, and then those of the other ranks. */
  private List<MicroBatch.Result> backward(List<MicroBatch> window, long counted) {
    List<MicroBatch.Result> results = new ArrayList<>();
    for (MicroBatch batch : window) {
      if (buckets != null && results.size() == window.size() - 1) {
        buckets.begin();
        model.onLayerDone(buckets::layerDone);
      }
      try (batch) {
        results.add(batch.backward(model, counted, settings.gradientAccumulationSteps));
      }
    }
    if (buckets != null) {
      model.onLayerDone(DogeForCausalLm.NOBODY);
      buckets.finish();
    }
    return results;
  }

  private void chooseTrained() {
    boolean expertsAlone = step < settings.expertWarmupSteps;
    check(
        !expertsAlone || model.config().isMoe(),
        "expertWarmupSteps %d needs experts, and this model has none; use 0",
        settings.expertWarmupSteps);
    model
        .weights()
        .train(name -> optimizer.trains(name) && (!expertsAlone || WeightNames.isExpert(name)));
    optimizer.refresh();
  }

  /** A step whose figures are still on the device. */
  private record Pending(
      long step,
      List<MicroBatch.Result> results,
      Tensor gradNorm,
      double learningRate,
      long counted,
      long tokensSeen,
      long tokens,
      long began) {}

  /** Reads the step before this one and tells the listeners. */
  private void report() {
    if (pending == null) {
      return;
    }
    Pending done = pending;
    pending = null;
    double loss = 0;
    double auxLoss = 0;
    Map<String, Double> extra = new LinkedHashMap<>();
    for (MicroBatch.Result result : done.results) {
      loss += take(result.loss()) / done.counted;
      auxLoss +=
          result.auxLoss() == null
              ? 0
              : take(result.auxLoss()) / settings.gradientAccumulationSteps;
      result.sums().forEach((k, v) -> extra.merge(k, take(v) / done.counted, Double::sum));
    }
    double gradNorm = take(done.gradNorm);
    double[] sums = ranks.sum(loss, auxLoss, (double) done.tokens, gradNorm);
    loss = sums[0];
    auxLoss = sums[1];
    requireAgreement(done.step, gradNorm, sums[3] / ranks.size());
    extra.replaceAll((key, mine) -> ranks.sum(mine)[0]);
    requireFinite(done.step, loss, gradNorm);
    double lap = (System.nanoTime() - done.began) / 1e9;
    StepMetrics metrics =
        new StepMetrics(
            done.step,
            settings.maxSteps,
            loss,
            auxLoss,
            gradNorm,
            done.learningRate,
            done.counted,
            done.tokensSeen,
            sums[2] / lap,
            (System.nanoTime() - started) / 1e9,
            recent.spike(loss),
            extra);
    recent.add(loss);
    listeners.forEach(l -> l.stepped(metrics));
  }

  private static double take(Tensor figure) {
    try (figure) {
      return figure.item();
    }
  }

  private void requireAgreement(long at, double gradNorm, double mean) {
    check(
        !(Math.abs(gradNorm - mean) > DRIFT * mean), // and not where either is not a number
        "gradNorm of step %d is %s on rank %d and %s in the mean of %d ranks, so their weights have"
            + " drifted apart; start all ranks again from the last checkpoint",
        at,
        gradNorm,
        ranks.rank(),
        mean,
        ranks.size());
  }

  private void requireFinite(long at, double loss, double gradNorm) {
    if (Double.isFinite(loss) && Double.isFinite(gradNorm)) {
      return;
    }
    throw new DogeException(
        String.format(
            Locale.ROOT,
            "Loss %s or gradNorm %s of step %d is not finite (last losses: %s); that step changed"
                + " no weight and the last checkpoint is kept: resume it with half the learning"
                + " rate %s",
            loss,
            gradNorm,
            at,
            recent.last(),
            schedule.at(at)));
  }

  private void save() {
    if (checkpoints == null) {
      return;
    }
    report();
    savedAt = step;
    if (!ranks.isFirst()) {
      return;
    }
    var saved =
        checkpoints.save(
            model,
            new TrainingState(
                step,
                tokensSeen,
                batches.position(),
                settings.seed,
                schedule.at(Math.max(0, step - 1)),
                optimizer.moments(),
                optimizer.updates()));
    listeners.forEach(l -> l.saved(saved));
  }
}
