package dev.smalldoge.config;

import static dev.smalldoge.config.Checks.check;

import java.util.function.Consumer;

/**
 * The shape of a Doge model: everything that decides which weights it has and how they are used.
 *
 * <p>Component names are the keys of a Hugging Face {@code config.json} in camel case. Immutable;
 * {@code withX} returns a changed copy, checked like a new one.
 *
 * <p>Source: {@code DogeConfig} of Hugging Face transformers. {@code routing} and {@code
 * loadBalancing} are ours: the published CDMoE routes a token by other tokens' scores and balances
 * by rank, see {@link Routing} and {@link LoadBalancing}.
 *
 * <p>Example: {@code ModelConfig.doge20M().withVocabSize(4_096).withNumHiddenLayers(4)}.
 *
 * @param vocabSize number of token ids, at least 1
 * @param hiddenSize width of the residual stream
 * @param intermediateSize inner width of the gated MLP
 * @param numHiddenLayers number of decoder layers
 * @param numAttentionHeads number of query heads; divides {@code hiddenSize}
 * @param numKeyValueHeads number of shared key and value heads; divides {@code numAttentionHeads}
 * @param keepWindowSize keys kept per query by the dynamic mask; it acts on longer sequences only
 * @param slidingWindow keys visible behind a query, itself included; 0 for all
 * @param maxPositionEmbeddings longest sequence that the model is made for, in tokens
 * @param ropeTheta base of the rotary frequencies
 * @param ropeScaling how the rotary base grows with length
 * @param rmsNormEps added to the mean square in every RMSNorm
 * @param initializerRange standard deviation of new linear and embedding weights
 * @param attentionBias whether the attention projections have biases
 * @param mlpBias whether the MLP projections have biases
 * @param attentionDropout dropout probability of attention weights, in [0, 1)
 * @param hiddenDropout dropout probability of each block's output, in [0, 1)
 * @param tieWordEmbeddings whether the head shares the embedding's weights
 * @param isMoe whether the MLP is a cross domain mixture of experts (CDMoE)
 * @param numExperts number of single-neuron experts; a square number
 * @param numExpertsPerTok experts used per token
 * @param normTopkProb whether the routing weights are divided by their sum (they sum to 1 already)
 * @param outputRouterLogits whether training adds the load-balancing loss
 * @param routerAuxLossCoef factor of the load-balancing loss
 * @param routing how a CDMoE reads its router's output
 * @param loadBalancing what the load-balancing loss compares
 * @param bosTokenId id that opens every sequence
 * @param eosTokenId id that ends every document
 * @param padTokenId id that fills unused positions
 * @param numLabels classes of the sequence-classification head
 */
public record ModelConfig(
    int vocabSize,
    int hiddenSize,
    int intermediateSize,
    int numHiddenLayers,
    int numAttentionHeads,
    int numKeyValueHeads,
    int keepWindowSize,
    int slidingWindow,
    int maxPositionEmbeddings,
    double ropeTheta,
    RopeScaling ropeScaling,
    double rmsNormEps,
    double initializerRange,
    boolean attentionBias,
    boolean mlpBias,
    double attentionDropout,
    double hiddenDropout,
    boolean tieWordEmbeddings,
    boolean isMoe,
    int numExperts,
    int numExpertsPerTok,
    boolean normTopkProb,
    boolean outputRouterLogits,
    double routerAuxLossCoef,
    Routing routing,
    LoadBalancing loadBalancing,
    int bosTokenId,
    int eosTokenId,
    int padTokenId,
    int numLabels) {

  /** How a CDMoE layer reads its router's output. */
  public enum Routing {
    /** Each token is routed by its own scores. */
    PER_TOKEN,
    /**
     * The published form: the output (B, T, 2K) is viewed as (2, B·T, K), so a token is routed by
     * other, also later, tokens' scores. For weights that were trained that way.
     */
    LEGACY
  }

  /** What the load-balancing loss compares an expert's share of choices with. */
  public enum LoadBalancing {
    /** The mean probability of the same expert. */
    EXPERT_ORDER,
    /**
     * The published form: the mean probability of the pair of the same rank, whichever expert that
     * is for a token. It does not balance; for continuing runs that were trained that way.
     */
    RANK_ORDER
  }

  /** Checks every component against the others. */
  public ModelConfig {
    positive("vocabSize", vocabSize);
    positive("hiddenSize", hiddenSize);
    positive("intermediateSize", intermediateSize);
    positive("numHiddenLayers", numHiddenLayers);
    positive("numAttentionHeads", numAttentionHeads);
    positive("numKeyValueHeads", numKeyValueHeads);
    positive("keepWindowSize", keepWindowSize);
    positive("maxPositionEmbeddings", maxPositionEmbeddings);
    positive("numLabels", numLabels);
    check(slidingWindow >= 0, "slidingWindow %d is negative; use 0 for none", slidingWindow);
    check(
        hiddenSize % numAttentionHeads == 0,
        "hiddenSize %d is not a multiple of numAttentionHeads %d; try hiddenSize %d",
        hiddenSize,
        numAttentionHeads,
        numAttentionHeads * (hiddenSize / numAttentionHeads + 1));
    check(
        (hiddenSize / numAttentionHeads) % 2 == 0,
        "headDim %d (hiddenSize %d / numAttentionHeads %d) is odd, which rotary embedding cannot"
            + " split; try hiddenSize %d",
        hiddenSize / numAttentionHeads,
        hiddenSize,
        numAttentionHeads,
        hiddenSize + numAttentionHeads);
    check(
        numAttentionHeads % numKeyValueHeads == 0,
        "numAttentionHeads %d is not a multiple of numKeyValueHeads %d; try numKeyValueHeads 1",
        numAttentionHeads,
        numKeyValueHeads);
    check(ropeTheta > 0, "ropeTheta %s is not positive; use 10000", ropeTheta);
    check(rmsNormEps > 0, "rmsNormEps %s is not positive; use 1e-6", rmsNormEps);
    check(initializerRange > 0, "initializerRange %s is not positive; use 0.02", initializerRange);
    probability("attentionDropout", attentionDropout);
    probability("hiddenDropout", hiddenDropout);
    if (isMoe) {
      int numKeys = (int) Math.sqrt(numExperts);
      check(
          numKeys > 0 && numKeys * numKeys == numExperts,
          "numExperts %d is not a square number, which product keys need; try %d",
          numExperts,
          (numKeys + 1) * (numKeys + 1));
      check(
          numExpertsPerTok > 0 && numExpertsPerTok <= numExperts,
          "numExpertsPerTok %d is outside 1 to numExperts %d; try %d",
          numExpertsPerTok,
          numExperts,
          Math.max(1, Math.min(numExpertsPerTok, numExperts)));
    }
    tokenId("bosTokenId", bosTokenId, vocabSize);
    tokenId("eosTokenId", eosTokenId, vocabSize);
    tokenId("padTokenId", padTokenId, vocabSize);
  }

  private static void positive(String name, int value) {
    check(value > 0, "%s %d is not positive; give at least 1", name, value);
  }

  private static void probability(String name, double value) {
    check(value >= 0 && value < 1, "%s %s is outside [0, 1); use 0 for none", name, value);
  }

  private static void tokenId(String name, int id, int vocabSize) {
    check(
        id >= 0 && id < vocabSize,
        "%s %d is outside the vocabulary of %d ids; use the tokenizer's own",
        name,
        id,
        vocabSize);
  }

  /** Width of one head: hiddenSize / numAttentionHeads. */
  public int headDim() {
    return hiddenSize / numAttentionHeads;
  }

  /** Product keys per half of the router: the root of numExperts. */
  public int numKeys() {
    return (int) Math.sqrt(numExperts);
  }

  /** The 13 M parameter model: 8 layers of width 256, vocabulary 32768. */
  public static ModelConfig doge20M() {
    return dense(256, 512, 8, 2, 1);
  }

  /** The 54 M parameter model: 16 layers of width 512, vocabulary 32768. */
  public static ModelConfig doge60M() {
    return dense(512, 1_024, 16, 4, 2);
  }

  /** The 152 M parameter model: 24 layers of width 768, vocabulary 32768. */
  public static ModelConfig doge160M() {
    return dense(768, 1_536, 24, 6, 3);
  }

  /** The 335 M parameter model: 32 layers of width 1024, vocabulary 32768. */
  public static ModelConfig doge320M() {
    return dense(1_024, 2_048, 32, 8, 4);
  }

  /** Doge-20M with 1024 experts, 16 per token. */
  public static ModelConfig doge20MMoe() {
    return doge20M().withExperts(1_024, 16);
  }

  /** Doge-60M with 4096 experts, 32 per token. */
  public static ModelConfig doge120MMoe() {
    return doge60M().withExperts(4_096, 32);
  }

  /** Doge-160M with 9216 experts, 48 per token. */
  public static ModelConfig doge480MMoe() {
    return doge160M().withExperts(9_216, 48);
  }

  /** Doge-320M with 16384 experts, 64 per token. */
  public static ModelConfig doge1400MMoe() {
    return doge320M().withExperts(16_384, 64);
  }

  /** A Doge for two CPU cores: 4 layers of width 128, vocabulary 4096. */
  public static ModelConfig tiny() {
    return doge20M()
        .with(
            e -> {
              e.vocabSize = 4_096;
              e.hiddenSize = 128;
              e.intermediateSize = 256;
              e.numHiddenLayers = 4;
              e.numAttentionHeads = 4;
              e.numKeyValueHeads = 2;
            });
  }

  private static ModelConfig dense(int hidden, int intermediate, int layers, int heads, int kv) {
    Edit edit = new Edit();
    edit.hiddenSize = hidden;
    edit.intermediateSize = intermediate;
    edit.numHiddenLayers = layers;
    edit.numAttentionHeads = heads;
    edit.numKeyValueHeads = kv;
    return edit.build();
  }

  /** This configuration for another vocabulary. */
  public ModelConfig withVocabSize(int vocabSize) {
    return with(e -> e.vocabSize = vocabSize);
  }

  /** This configuration with another number of layers. */
  public ModelConfig withNumHiddenLayers(int numHiddenLayers) {
    return with(e -> e.numHiddenLayers = numHiddenLayers);
  }

  /** This configuration with another dynamic-mask window, in tokens. */
  public ModelConfig withKeepWindowSize(int keepWindowSize) {
    return with(e -> e.keepWindowSize = keepWindowSize);
  }

  /** This configuration for another longest sequence, in tokens. */
  public ModelConfig withMaxPositionEmbeddings(int maxPositionEmbeddings) {
    return with(e -> e.maxPositionEmbeddings = maxPositionEmbeddings);
  }

  /** This configuration with a CDMoE in place of the plain MLP. */
  public ModelConfig withExperts(int numExperts, int numExpertsPerTok) {
    return with(
        e -> {
          e.isMoe = true;
          e.numExperts = numExperts;
          e.numExpertsPerTok = numExpertsPerTok;
        });
  }

  /**
   * This configuration with any components changed at once, so that values which depend on each
   * other are checked together: {@code config.with(e -> { e.hiddenSize = 512; e.numAttentionHeads =
   * 4; })}.
   */
  public ModelConfig with(Consumer<Edit> change) {
    Edit edit = new Edit(this);
    change.accept(edit);
    return edit.build();
  }

  /** The components while they are being changed; the defaults are those of Doge-20M. */
  public static final class Edit {
    public int vocabSize = 32_768;
    public int hiddenSize = 256;
    public int intermediateSize = 512;
    public int numHiddenLayers = 8;
    public int numAttentionHeads = 2;
    public int numKeyValueHeads = 1;
    public int keepWindowSize = 2_048;
    public int slidingWindow;
    public int maxPositionEmbeddings = 2_048;
    public double ropeTheta = 10_000;
    public RopeScaling ropeScaling = new RopeScaling("dynamic", 4, 2_048);
    public double rmsNormEps = 1e-6;
    public double initializerRange = 0.02;
    public boolean attentionBias;
    public boolean mlpBias;
    public double attentionDropout;
    public double hiddenDropout;
    public boolean tieWordEmbeddings = true;
    public boolean isMoe;
    public int numExperts = 16_384;
    public int numExpertsPerTok = 64;
    public boolean normTopkProb;
    public boolean outputRouterLogits;
    public double routerAuxLossCoef = 0.001;
    public Routing routing = Routing.PER_TOKEN;
    public LoadBalancing loadBalancing = LoadBalancing.EXPERT_ORDER;
    public int bosTokenId;
    public int eosTokenId = 1;
    public int padTokenId = 2;
    public int numLabels = 2;

    /** The components of Doge-20M. */
    public Edit() {}

    private Edit(ModelConfig c) {
      vocabSize = c.vocabSize;
      hiddenSize = c.hiddenSize;
      intermediateSize = c.intermediateSize;
      numHiddenLayers = c.numHiddenLayers;
      numAttentionHeads = c.numAttentionHeads;
      numKeyValueHeads = c.numKeyValueHeads;
      keepWindowSize = c.keepWindowSize;
      slidingWindow = c.slidingWindow;
      maxPositionEmbeddings = c.maxPositionEmbeddings;
      ropeTheta = c.ropeTheta;
      ropeScaling = c.ropeScaling;
      rmsNormEps = c.rmsNormEps;
      initializerRange = c.initializerRange;
      attentionBias = c.attentionBias;
      mlpBias = c.mlpBias;
      attentionDropout = c.attentionDropout;
      hiddenDropout = c.hiddenDropout;
      tieWordEmbeddings = c.tieWordEmbeddings;
      isMoe = c.isMoe;
      numExperts = c.numExperts;
      numExpertsPerTok = c.numExpertsPerTok;
      normTopkProb = c.normTopkProb;
      outputRouterLogits = c.outputRouterLogits;
      routerAuxLossCoef = c.routerAuxLossCoef;
      routing = c.routing;
      loadBalancing = c.loadBalancing;
      bosTokenId = c.bosTokenId;
      eosTokenId = c.eosTokenId;
      padTokenId = c.padTokenId;
      numLabels = c.numLabels;
    }

    /** The checked configuration. */
    public ModelConfig build() {
      return new ModelConfig(
          vocabSize,
          hiddenSize,
          intermediateSize,
          numHiddenLayers,
          numAttentionHeads,
          numKeyValueHeads,
          keepWindowSize,
          slidingWindow,
          maxPositionEmbeddings,
          ropeTheta,
          ropeScaling,
          rmsNormEps,
          initializerRange,
          attentionBias,
          mlpBias,
          attentionDropout,
          hiddenDropout,
          tieWordEmbeddings,
          isMoe,
          numExperts,
          numExpertsPerTok,
          normTopkProb,
          outputRouterLogits,
          routerAuxLossCoef,
          routing,
          loadBalancing,
          bosTokenId,
          eosTokenId,
          padTokenId,
          numLabels);
    }
  }
}
