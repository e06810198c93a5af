package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.Recompute;
import dev.smalldoge.torch.FusedAttention;
import dev.smalldoge.torch.FusedAttention.Positions;
import dev.smalldoge.torch.FusedExperts;
import dev.smalldoge.torch.FusedHead.Found;
import dev.smalldoge.torch.FusedKernels;
import dev.smalldoge.torch.FusedKernels.Normed;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.function.UnaryOperator;

/**
 * The fused training step of a model on a GPU: from ids to hidden states, and from the gradient of
 * the hidden states to all gradients, in the kernels of {@link FusedKernels} and with nothing
 * recorded. It computes what the layers of {@link DecoderLayer} compute, in BFLOAT16.
 *
 * <p>One is made for a batch shape, and works in the memory of all shapes.
 */
final class FusedLayers implements AutoCloseable {
  private final ModelConfig config;
  private final FusedKernels kernels;
  private final Weights weights;
  private final FusedWeights matrices;
  private final FusedScratch scratch;
  private final List<FusedLayer> layers = new ArrayList<>();
  private final Normed last;

  FusedLayers(
      ModelConfig config,
      Weights weights,
      FusedWeights matrices,
      FusedKernels kernels,
      FusedMemory memory,
      Recompute recompute,
      int batch,
      int length) {
    this.config = config;
    this.kernels = kernels;
    this.weights = weights;
    this.matrices = matrices;
    this.scratch = new FusedScratch(config, memory, batch, length);
    FusedWork work = new FusedWork(config, weights, matrices, kernels, scratch, recompute);
    FusedActivations first = null;
    for (int i = 0; i < config.numHiddenLayers(); i++) {
      FusedActivations kept = FusedActivations.of(config, scratch, recompute, first);
      first = first == null ? kept : first;
      layers.add(new FusedLayer(work, kept, i));
    }
    this.last = scratch.normed();
  }

  /** What of a model the fused step does not compute, in words; empty where it computes all. */
  static Optional<String> obstacle(ModelConfig config, Precision precision) {
    if (precision != Precision.BFLOAT16) {
      return Optional.of("they compute in bf16, and this run in fp32");
    } else if (config.attentionBias() || config.mlpBias()) {
      return Optional.of("this model has biases");
    } else if (config.hiddenDropout() > 0 || config.attentionDropout() > 0) {
      return Optional.of("this model has dropout");
    } else if (config.headDim() != FusedKernels.HEAD_WIDTH || config.hiddenSize() % 256 != 0) {
      return Optional.of(
          "they need heads of width 128 and a hiddenSize of 256 times a whole number, not "
              + config.headDim()
              + " and "
              + config.hiddenSize());
    } else if (config.intermediateSize() % 8 != 0 || config.vocabSize() % 8 != 0) {
      return Optional.of("they need an intermediateSize and a vocabSize that 8 divides");
    } else if (config.isMoe() && config.routing() != ModelConfig.Routing.PER_TOKEN) {
      return Optional.of("this model's routing is legacy");
    } else if (config.isMoe() && !servesExperts(config)) {
      return Optional.of("they hold 128 keys, a number that 4 divides, and 64 experts a token");
    }
    return Optional.empty();
  }

  private static boolean servesExperts(ModelConfig config) {
    return config.numKeys() % 4 == 0
        && config.numKeys() <= FusedExperts.MOST_KEYS
        && config.numExpertsPerTok() <= FusedExperts.MOST_CHOSEN;
  }

  /** Whether it computes what this model and input ask for. */
  static boolean fits(ModelConfig config, Weights weights, Precision precision, ModelInput input) {
    return weights.operations().device().isGpu()
        && obstacle(config, precision).isEmpty()
        && DynamicMaskAttention.folds(config, input, true)
        && mostDocuments(input) <= FusedAttention.MOST_DOCUMENTS;
  }

  /** The largest number of documents in a row. */
  private static int mostDocuments(ModelInput input) {
    int most = 1;
    int here = 0;
    for (long bound : input.bounds()) {
      here = bound % input.length() == 0 ? 1 : here + 1;
      most = Math.max(most, here);
    }
    return most;
  }

  /** Rows of a batch. */
  int batch() {
    return scratch.batch();
  }

  /** Tokens of a row. */
  int length() {
    return scratch.length();
  }

  /** Whether these hidden states are this step's. */
  boolean owns(Tensor hidden) {
    return hidden == last.normed();
  }

  /** Makes the device current, and takes the weights' copies anew where they do not hold. */
  void refresh() {
    kernels.enter();
    matrices.refresh();
  }

  private static Positions positions(ModelInput input, Tensor cos, Tensor sin) {
    return new Positions(
        cos,
        sin,
        input.documents().isEmpty() ? null : input.documents().get(0),
        input.keyMask().isEmpty() ? null : input.keyMask().get(0));
  }

  /** Hidden states (B, T, d) after the final norm, good until the next call. */
  Tensor forward(ModelInput input, Tensor cos, Tensor sin) {
    Positions positions = positions(input, cos, sin);
    refresh();
    int n = scratch.tokens();
    double eps = config.rmsNormEps();
    FusedLayer before = null;
    for (FusedLayer layer : layers) {
      if (before == null) {
        Tensor table = matrices.embedding().copy();
        kernels.embedNorm(table, input.inputIds(), layer.inputNorm(), layer.input(), n, eps);
      } else {
        addNorm(before, layer.inputNorm(), layer.input());
      }
      layer.forward(positions);
      before = layer;
    }
    addNorm(before, weights.get("model.norm.weight"), last);
    return last.normed();
  }

  /** Each layer's router scores (N, 2K) FLOAT32 of the last pass; of a model with experts. */
  List<Tensor> routerScores() {
    return layers.stream().map(FusedLayer::routerScores).toList();
  }

  private void addNorm(FusedLayer before, Tensor weight, Normed out) {
    kernels.addNorm(
        before.stream(),
        before.residual(),
        scratch.branch(),
        weight,
        out,
        scratch.tokens(),
        config.rmsNormEps());
  }

  /**
   * Adds to all gradients, given that of what {@link #forward} returned.
   *
   * @param scoresGradients what else each layer's {@link #routerScores} get; empty for nothing
   * @param layerDone hears of each layer whose gradients, and those after it, are complete
   */
  void backward(
      ModelInput input,
      Tensor gradient,
      List<Tensor> scoresGradients,
      Tensor cos,
      Tensor sin,
      IntConsumer layerDone) {
    Positions positions = positions(input, cos, sin);
    int n = scratch.tokens();
    String norm = "model.norm.weight";
    kernels.addNormBackward(
        gradient,
        null,
        null,
        last,
        weights.get(norm),
        scratch.dx(),
        matrices.gradients().get(norm),
        null,
        n);
    for (int i = layers.size() - 1; i >= 0; i--) {
      layers.get(i).backward(positions, scoresGradients.isEmpty() ? null : scoresGradients.get(i));
      layerDone.accept(i);
    }
    kernels
        .head()
        .embedBackward(
            scratch.dx(),
            input.inputIds(),
            matrices.embedding().gradient(),
            n,
            config.padTokenId());
  }

  /**
   * Nats (FLOAT64, their sum) of the hidden states, the gradient of those (B, T, d), and how many
   * labels are the likeliest (FLOAT64); null unless hits are counted.
   */
  Tensor[] headLoss(Tensor hidden, Tensor next, double scale, boolean hits) {
    scale(scale);
    Tensor gradient = head(hidden, next, hits);
    Tensor[] sums = sums(hits);
    return new Tensor[] {sums[0], gradient, sums[1]};
  }

  /** Sets what the loss's gradient is multiplied by. */
  void scale(double factor) {
    kernels.head().scale(factor);
  }

  /** Launches the head alone: the gradient of the hidden states (B, T, d). */
  Tensor head(Tensor hidden, Tensor next, boolean hits) {
    kernels
        .head()
        .headLoss(
            hidden,
            matrices.head().copy(),
            next,
            scratch.logits(),
            found(hits),
            scratch.dnormed(),
            matrices.head().gradient());
    return scratch.dnormed();
  }

  /** Launches the head alone: log-probabilities of the next labels, and hits if wanted. */
  void score(Tensor hidden, Tensor next, boolean hits) {
    kernels
        .head()
        .logProbabilities(hidden, matrices.head().copy(), next, scratch.logits(), found(hits));
  }

  /** What {@link #score} found, FLOAT32 (N), good until the next call. */
  Tensor scores() {
    return scratch.losses();
  }

  /** Nats by what {@link #score} found, FLOAT64, and hits or null. */
  Tensor[] scoreSums(boolean hits) {
    return kernels.head().scoreSums(found(hits));
  }

  /** Gives back what {@link #forward} keeps for a way back that is not gone. */
  void forget() {
    layers.forEach(FusedLayer::forget);
  }

  /**
   * Takes the derivative of a loss by what {@link #score} found.
   *
   * @param derivative from log-probabilities to factors, both FLOAT32 (N)
   */
  void derive(UnaryOperator<Tensor> derivative) {
    try (TensorScope scope = new TensorScope()) {
      weights.operations().copyInto(scratch.factors(), derivative.apply(scratch.losses()));
    }
  }

  /** Launches the head's way back from {@link #derive}: the hidden states' gradient (B, T, d). */
  Tensor scoreBackward(Tensor next) {
    kernels
        .head()
        .logProbabilitiesBackward(
            last.normed(),
            matrices.head().copy(),
            next,
            scratch.logits(),
            scratch.factors(),
            scratch.dnormed(),
            matrices.head().gradient());
    return scratch.dnormed();
  }

  /** What the head found, summed: nats, FLOAT64, and hits or null. */
  Tensor[] sums(boolean hits) {
    return kernels.head().sums(found(hits));
  }

  private Found found(boolean hits) {
    return new Found(scratch.losses(), hits ? scratch.hits() : null);
  }

  @Override
  public void close() {
    forget();
    scratch.close();
  }
}
