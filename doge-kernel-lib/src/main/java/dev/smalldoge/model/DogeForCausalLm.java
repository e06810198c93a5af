package dev.smalldoge.model;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.Recompute;
import dev.smalldoge.io.WeightNames;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * The Doge language model: embedding, decoder layers, final norm, head.
 *
 * <p>Shapes: B batch, T sequence, d hidden width, V vocabulary, N = B · T tokens. Token ids and
 * labels are INT64 (B, T); a label of {@link #IGNORE_INDEX} is not trained on; the model moves the
 * labels itself, so labels are the ids.
 *
 * <p>Source: {@code DogeForCausalLM} of Hugging Face transformers, its eager path.
 */
public final class DogeForCausalLm implements AutoCloseable {
  /** The label of a token that is not trained on. */
  public static final long IGNORE_INDEX = -100;

  /** Hears of no layer; see {@link #onLayerDone}. */
  public static final IntConsumer NOBODY = layer -> {};

  private final ModelConfig config;
  private final Weights weights;
  private final Operations operations;
  private final Precision precision;
  private final RotaryEmbedding rotary;
  private final LanguageModelHead head;
  private final List<DecoderLayer> layers = new ArrayList<>();
  private Recompute recompute = Recompute.NOTHING;
  private final Decoders decoders;
  private boolean measuresAccuracy;
  private final FusedTraining fusedTraining;
  private boolean fuses = true;
  private IntConsumer layerDone = NOBODY;

  /** A model over the given weights, which it owns from here on. */
  public DogeForCausalLm(ModelConfig config, Weights weights, Precision precision) {
    this.config = config;
    this.weights = weights;
    this.operations = weights.operations();
    this.precision = precision;
    this.rotary = new RotaryEmbedding(config, operations);
    this.fusedTraining = new FusedTraining(config, weights, precision);
    this.decoders = new Decoders(this, rotary);
    this.head = new LanguageModelHead(config, weights);
    for (int layer = 0; layer < config.numHiddenLayers(); layer++) {
      layers.add(new DecoderLayer(config, weights, layer));
    }
  }

  /** A model of the same weights, with memory of its own. */
  public DogeForCausalLm copy() {
    return new DogeForCausalLm(config, weights.copy(), precision);
  }

  /** The model's shape. */
  public ModelConfig config() {
    return config;
  }

  /** The master weights. */
  public Weights weights() {
    return weights;
  }

  /** The type that hidden states have. */
  public Precision precision() {
    return precision;
  }

  /** The operations of the device that the model lives on. */
  public Operations operations() {
    return operations;
  }

  /** Which activations {@link #backward} computes again instead of keeping them. */
  public void recompute(Recompute what) {
    recompute = what;
  }

  /** Whether {@link #backward} computes whole layers again. */
  public void recompute(boolean on) {
    recompute(Recompute.of(on));
  }

  /**
   * Whether {@link #backward} and {@link #newDecoder decoders} may use the fused kernels where they
   * serve (on at first): the same function, faster, in another rounding.
   */
  public void fuse(boolean on) {
    fuses = on;
    decoders.fuse(on);
  }

  /**
   * Whether passes of {@link #backward} that come again in the fused kernels are recorded and
   * launched as one (on at first): the same kernels, with less time between them.
   */
  public void recordPasses(boolean on) {
    fusedTraining.record(on);
  }

  /** Gives back the memory that passes on a GPU work in; the next one takes it again. */
  public void releaseWorkspace() {
    fusedTraining.close();
  }

  /** Whether the last pass was launched as one. */
  public boolean isRecorded() {
    return fusedTraining.isRecorded();
  }

  /**
   * Who is told, while a backward pass runs, that it has added all that it will to the gradients of
   * a layer and of everything after that layer. Only a pass that goes through the layers one by one
   * tells it, in falling order; one that does not, tells nothing. With anybody but {@link #NOBODY}
   * listening, no pass is recorded.
   */
  public void onLayerDone(IntConsumer listener) {
    layerDone = listener;
  }

  /**
   * Whether models of this shape train in the fused kernels on this device, if its libraries do.
   */
  public static boolean fusesOn(ModelConfig config, Device device, Precision precision) {
    return device.isGpu() && FusedLayers.obstacle(config, precision).isEmpty();
  }

  /** Why this model trains on its GPU without the fused kernels, one sentence; empty if it does. */
  public Optional<String> slowTraining() {
    return operations.device().isGpu()
        ? FusedLayers.obstacle(config, precision)
            .map(why -> "Training runs without the fused kernels, several times slower: " + why)
        : Optional.empty();
  }

  /** Whether losses also count the tokens that the model finds likeliest itself; off at first. */
  public void measureAccuracy(boolean on) {
    measuresAccuracy = on;
  }

  /** Logits (N, V) of all positions, in the compute type; for tests and short inputs. */
  public Tensor logits(ModelInput input) {
    try (GradMode off = GradMode.off();
        TensorScope scope = new TensorScope()) {
      Tensor hidden = hiddenStates(input, false, new ArrayList<>());
      return scope.keep(
          operations.linear(operations.view(hidden, -1, config.hiddenSize()), head.weight()));
    }
  }

  /** Hidden states (B, T, d) after the final norm. */
  public Tensor hiddenStates(ModelInput input) {
    return hiddenStates(input, false, new ArrayList<>());
  }

  /** The same, in training with dropout, and with each expert layer's product scores added. */
  Tensor hiddenStates(ModelInput input, boolean training, List<Tensor> routerScores) {
    Tensor x = embedded(input.inputIds());
    Pass pass = new Pass(input, training);
    for (DecoderLayer layer : layers) {
      x = pass.through(layer, x, routerScores);
    }
    return finalNorm(x);
  }

  List<DecoderLayer> layers() {
    return layers;
  }

  /** Hears of each layer whose gradients are complete. */
  IntConsumer layerDone() {
    return layerDone;
  }

  /** What is the same for all layers of one pass. */
  final class Pass {
    private final ModelInput input;
    private final boolean training;
    private final boolean folded;
    private final Tensor cos;
    private final Tensor sin;

    Pass(ModelInput input, boolean training) {
      this.input = input;
      this.training = training;
      this.folded = DynamicMaskAttention.folds(config, input, training);
      rotary.prepare(input.length());
      this.cos = rotary.cos(0, input.length());
      this.sin = rotary.sin(0, input.length());
    }

    Tensor through(DecoderLayer layer, Tensor x, List<Tensor> routerScores) {
      return layer.forward(x, cos, sin, input, folded, training, routerScores);
    }
  }

  /**
   * What one micro-batch added to the step.
   *
   * @param nats sum of the loss over the counted tokens, FLOAT64, on the device
   * @param auxLoss load-balancing loss, FLOAT32, on the device; null without it
   * @param hits counted tokens that were the likeliest, FLOAT64, on the device; null in training
   *     unless {@link #measureAccuracy} is on
   */
  public record Loss(Tensor nats, Tensor auxLoss, Tensor hits) {}

  /**
   * Runs forward and backward, and adds to the gradients of the trained weights.
   *
   * @param labels INT64 (B, T), as the ids
   * @param scale factor of the loss's gradient: 1 / counted tokens of the whole step
   * @param auxScale factor of the load-balancing loss's gradient: routerAuxLossCoef / micro-batches
   *     of the step; 0 to leave that loss out
   * @return the losses, unscaled, to be closed by the caller or its scope
   */
  public Loss backward(ModelInput input, Tensor labels, double scale, double auxScale) {
    double aux = config.isMoe() ? auxScale : 0;
    if (fuses && aux == 0 && layerDone == NOBODY) {
      Optional<Loss> loss =
          fusedTraining.pass(input, labels, scale, recompute, rotary, measuresAccuracy);
      if (loss.isPresent()) {
        return loss.get();
      }
    }
    return backward(input, hidden -> headLoss(hidden, labels, scale), aux);
  }

  /**
   * Runs forward, lets {@code derivative} turn the labels' log-probabilities into the loss's
   * derivative by them, and runs backward: for losses over whole answers.
   *
   * @param labels INT64 (B, T), as the ids
   * @param derivative from log-probabilities (N) FLOAT32, 0 where a position has no label, to
   *     factors (N) FLOAT32; tensors of its own that should outlive the call it has to release
   */
  public void backward(ModelInput input, Tensor labels, UnaryOperator<Tensor> derivative) {
    if (fuses
        && layerDone == NOBODY
        && fusedTraining.pass(input, labels, derivative, recompute, rotary)) {
      return;
    }
    backward(input, hidden -> through(hidden, labels, derivative), 0);
  }

  private Loss backward(ModelInput input, Backward.Top top, double auxScale) {
    Optional<FusedLayers> fused =
        fuses ? fusedTraining.layersFor(input, recompute) : Optional.empty();
    Backward backward = new Backward(this, input, top, auxScale);
    try (TensorScope scope = new TensorScope();
        GradMode mode = fused.isPresent() ? GradMode.off() : GradMode.on()) {
      Loss loss;
      if (fused.isPresent()) {
        rotary.prepare(input.length());
        loss =
            backward.fused(
                fused.get(), rotary.cos(0, input.length()), rotary.sin(0, input.length()));
      } else {
        loss = recompute == Recompute.NOTHING ? backward.atOnce() : backward.recomputing();
      }
      return kept(loss, scope);
    }
  }

  static Loss kept(Loss loss, TensorScope scope) {
    Stream.of(loss.nats, loss.auxLoss, loss.hits).filter(Objects::nonNull).forEach(scope::keep);
    return loss;
  }

  /** Sum of nats over the counted tokens, FLOAT64, without gradients. */
  public Tensor loss(ModelInput input, Tensor labels) {
    return measure(input, labels, false).nats;
  }

  /** {@link #loss} and the hits. */
  public Loss measure(ModelInput input, Tensor labels) {
    return measure(input, labels, true);
  }

  private Loss measure(ModelInput input, Tensor labels, boolean hits) {
    Optional<Loss> loss =
        fuses ? fusedTraining.measure(input, labels, rotary, hits) : Optional.empty();
    if (loss.isPresent()) {
      return loss.get();
    }
    try (GradMode off = GradMode.off();
        TensorScope scope = new TensorScope()) {
      Tensor hidden = hiddenStates(input, false, new ArrayList<>());
      Tensor[] found = head.loss(hidden, labels, 1, false, hits);
      return kept(new Loss(found[0], null, found[2]), scope);
    }
  }

  /**
   * Log-probability (N), FLOAT32, that each position gives to the next label, without gradients; 0
   * where there is none to learn.
   */
  public Tensor logProbabilities(ModelInput input, Tensor labels) {
    Optional<Tensor> found =
        fuses ? fusedTraining.logProbabilities(input, labels, rotary) : Optional.empty();
    if (found.isPresent()) {
      return found.get();
    }
    try (GradMode off = GradMode.off();
        TensorScope scope = new TensorScope()) {
      Tensor hidden = hiddenStates(input, false, new ArrayList<>());
      return scope.keep(head.logProbabilities(hidden, labels));
    }
  }

  /**
   * The load-balancing loss of an input, FLOAT32, without gradients; for a CDMoE. Padding does not
   * count.
   */
  public Tensor auxLoss(ModelInput input) {
    check(config.isMoe(), "this model has no experts to balance; use a CDMoE configuration");
    try (GradMode off = GradMode.off();
        TensorScope scope = new TensorScope()) {
      List<Tensor> routerScores = new ArrayList<>();
      hiddenStates(input, false, routerScores);
      return scope.keep(auxLoss(routerScores, input));
    }
  }

  /** The load-balancing loss of given product scores, with gradients where they have. */
  Tensor auxLoss(List<Tensor> routerScores, ModelInput input) {
    boolean byRank = config.loadBalancing() == ModelConfig.LoadBalancing.RANK_ORDER;
    List<Tensor> counted = input.keyMask().stream().map(m -> operations.view(m, -1)).toList();
    return operations.loadBalancingLoss(routerScores, config.numExpertsPerTok(), byRank, counted);
  }

  /** Nats, the gradient of the hidden states, and hits where they are measured. */
  private Tensor[] headLoss(Tensor hidden, Tensor labels, double scale) {
    Optional<FusedLayers> fused = fusedTraining.ownerOf(hidden);
    if (fused.isPresent()) {
      Tensor next = operations.head().nextLabels(labels);
      return fused.get().headLoss(hidden, next, scale, measuresAccuracy);
    }
    return head.loss(hidden, labels, scale, true, measuresAccuracy);
  }

  /** The gradient of the hidden states, in second place as of {@link #headLoss}. */
  private Tensor[] through(Tensor hidden, Tensor labels, UnaryOperator<Tensor> derivative) {
    Optional<FusedLayers> fused = fusedTraining.ownerOf(hidden);
    if (fused.isPresent()) {
      Tensor next = operations.head().nextLabels(labels);
      fused.get().score(hidden, next, false);
      fused.get().derive(derivative);
      return new Tensor[] {null, fused.get().scoreBackward(next), null};
    }
    return new Tensor[] {null, head.through(hidden, labels, derivative), null};
  }

  /** Room for the keys, values and biases of {@code capacity} tokens in each of the rows. */
  public KeyValueCache newCache(int batchSize, int capacity) {
    try (GradMode off = GradMode.off()) {
      return new KeyValueCache(config, operations, precision, batchSize, capacity);
    }
  }

  /**
   * Logits (B, V) in FLOAT32 of the last of T new tokens; the cache remembers all of them.
   *
   * @param inputIds INT64 (B, T), the tokens after those in the cache
   * @param keyMask at most one INT64 (B, cached + T), 0 for padding
   */
  public Tensor nextLogits(Tensor inputIds, KeyValueCache cache, List<Tensor> keyMask) {
    int fresh = (int) inputIds.shape()[1];
    cache.checkRoom(fresh);
    try (GradMode off = GradMode.off();
        TensorScope scope = new TensorScope()) {
      Tensor[] angles = rotary.following(cache, fresh, keyMask);
      Tensor x = embedded(inputIds);
      for (int i = 0; i < layers.size(); i++) {
        x =
            layers
                .get(i)
                .forwardCached(x, angles[0], angles[1], keyMask, cache.layer(i), cache.position());
      }
      cache.advance(fresh);
      Tensor last = operations.lastRows(finalNorm(x));
      return scope.keep(operations.cast(operations.linear(last, head.weight()), DType.FLOAT32));
    }
  }

  /**
   * A decoder for so many rows of at most {@code capacity} tokens. Close it before the model, and
   * make a new one when weights have changed.
   */
  public Decoder newDecoder(int rows, int capacity) {
    return decoders.make(rows, capacity);
  }

  Tensor finalNorm(Tensor x) {
    return operations.rmsNorm(x, weights.get("model.norm.weight"), config.rmsNormEps());
  }

  Tensor embedded(Tensor ids) {
    return operations.embed(ids, embedding(), config.padTokenId(), precision.type());
  }

  private Tensor embedding() {
    return weights.get(WeightNames.EMBEDDING);
  }

  @Override
  public void close() {
    decoders.close();
    fusedTraining.close();
    rotary.close();
    weights.close();
  }
}
