package dev.smalldoge.config;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.ModelConfig.LoadBalancing;
import dev.smalldoge.config.ModelConfig.Routing;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The snake-case keys of a {@link ModelConfig}, as in a Hugging Face {@code config.json} and in a
 * recipe, in the spelling of today's transformers (rope_parameters) and in the former one
 * (rope_theta, rope_scaling).
 */
public final class ModelKeys {
  private static final String ROPE = "rope_parameters";

  /**
   * Keys that say nothing about the weights or their use here, each with the reason why it may be
   * ignored.
   */
  public static final Map<String, String> IGNORED = ignored();

  private ModelKeys() {}

  private static Map<String, String> ignored() {
    String python = "it only tells Python which code to run";
    String caller = "the caller decides this";
    Map<String, String> reasons = new LinkedHashMap<>();
    reasons.put("use_cache", caller);
    reasons.put("output_attentions", caller);
    reasons.put("output_hidden_states", caller);
    reasons.put("return_dict", caller);
    reasons.put("problem_type", caller);
    reasons.put("auto_map", python);
    reasons.put("attn_implementation", python);
    reasons.put("_attn_implementation", python);
    reasons.put("_attn_implementation_autoset", python);
    reasons.put("_name_or_path", python);
    reasons.put("transformers_version", python);
    reasons.put("expert_retrieval_size", "no published weights were made with it");
    reasons.put("unk_token_id", "a byte-level tokenizer has no unknown token");
    return Map.copyOf(reasons);
  }

  /**
   * Reads every key of a model; absent ones keep what {@code edit} has.
   *
   * @throws DogeException if a value has the wrong type, or keys contradict each other
   */
  public static ModelConfig read(Fields f, ModelConfig.Edit edit) {
    readAll(f, edit);
    return build(f, edit);
  }

  /** As {@link #read}, where every key must be known and the shape must be given. */
  static ModelConfig readStrictly(Fields f, ModelConfig.Edit edit) {
    readAll(f, edit);
    f.requireAllRead();
    f.require(
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads");
    return build(f, edit);
  }

  private static void readAll(Fields f, ModelConfig.Edit e) {
    e.vocabSize = f.integer("vocab_size", e.vocabSize);
    e.hiddenSize = f.integer("hidden_size", e.hiddenSize);
    e.intermediateSize = f.integer("intermediate_size", e.intermediateSize);
    e.numHiddenLayers = f.integer("num_hidden_layers", e.numHiddenLayers);
    e.numAttentionHeads = f.integer("num_attention_heads", e.numAttentionHeads);
    e.numKeyValueHeads = f.integer("num_key_value_heads", e.numAttentionHeads);
    e.keepWindowSize = f.integer("keep_window_size", e.keepWindowSize);
    e.slidingWindow = f.integer("sliding_window", e.slidingWindow);
    e.maxPositionEmbeddings = f.integer("max_position_embeddings", e.maxPositionEmbeddings);
    e.rmsNormEps = f.number("rms_norm_eps", e.rmsNormEps);
    e.initializerRange = f.number("initializer_range", e.initializerRange);
    boolean bias = f.flag("hidden_bias", false); // one key for all of them, until 2025-06
    e.attentionBias = f.flag("attention_bias", e.attentionBias || bias);
    e.mlpBias = f.flag("mlp_bias", e.mlpBias || bias);
    e.attentionDropout = f.number("attention_dropout", e.attentionDropout);
    e.hiddenDropout = f.number("hidden_dropout", e.hiddenDropout);
    e.tieWordEmbeddings = f.flag("tie_word_embeddings", e.tieWordEmbeddings);
    e.isMoe = f.flag("is_moe", e.isMoe);
    e.numExperts = f.integer("num_experts", e.numExperts);
    e.numExpertsPerTok = f.integer("num_experts_per_tok", e.numExpertsPerTok);
    e.normTopkProb = f.flag("norm_topk_prob", e.normTopkProb);
    e.outputRouterLogits = f.flag("output_router_logits", e.outputRouterLogits);
    e.routerAuxLossCoef = f.number("router_aux_loss_coef", e.routerAuxLossCoef);
    e.routing = f.choice("routing", Routing.class, e.routing);
    e.loadBalancing = f.choice("load_balancing", LoadBalancing.class, e.loadBalancing);
    e.bosTokenId = f.integer("bos_token_id", e.bosTokenId);
    List<Integer> eos = f.integers("eos_token_id");
    e.eosTokenId = eos.isEmpty() ? e.eosTokenId : eos.get(0);
    e.padTokenId = f.integer("pad_token_id", e.padTokenId);
    e.numLabels = labels(f, e.numLabels);
    readRope(f, e);
    contradictions(f, e);
  }

  private static ModelConfig build(Fields f, ModelConfig.Edit e) {
    try {
      return e.build();
    } catch (DogeException refused) {
      throw new DogeException(f.where() + ": " + refused.getMessage(), refused);
    }
  }

  private static int labels(Fields f, int absent) {
    int names = f.has("id2label") ? f.map("id2label").keys().size() : absent;
    f.raw("label2id"); // the same in the other direction
    int count = f.integer("num_labels", names);
    check(
        !f.has("id2label") || count == names,
        "%s: num_labels %d contradicts id2label, which has %d; make them equal",
        f.where(),
        count,
        names);
    return count;
  }

  private static void readRope(Fields f, ModelConfig.Edit e) {
    boolean former = f.has("rope_theta") || f.has("rope_scaling");
    double theta = f.number("rope_theta", e.ropeTheta);
    RopeScaling scaling = scaling(f.map("rope_scaling"), e);
    if (f.has(ROPE)) {
      Fields today = f.map(ROPE);
      double todayTheta = today.number("rope_theta", former ? theta : e.ropeTheta);
      RopeScaling todayScaling = scaling(today, e);
      check(
          (!f.has("rope_theta") || theta == todayTheta)
              && (!f.has("rope_scaling") || scaling.equals(todayScaling)),
          "%s: rope_parameters contradict rope_theta or rope_scaling; keep one of them",
          f.where());
      theta = todayTheta;
      scaling = todayScaling;
    }
    e.ropeTheta = theta;
    e.ropeScaling = f.has(ROPE) || f.has("rope_scaling") ? scaling : e.ropeScaling;
  }

  private static RopeScaling scaling(Fields rope, ModelConfig.Edit e) {
    String former = rope.text("type", "default");
    String type = rope.text("rope_type", former);
    check(
        !rope.has("type") || type.equals(former),
        "%s has type \"%s\" and rope_type \"%s\"; keep one of them",
        rope.where(),
        former,
        type);
    rope.raw("rope_theta");
    double factor = rope.number("factor", 1);
    int original = rope.integer("original_max_position_embeddings", e.maxPositionEmbeddings);
    rope.requireAllRead();
    try {
      return type.equals("default") ? RopeScaling.NONE : new RopeScaling(type, factor, original);
    } catch (DogeException refused) {
      throw new DogeException(rope.where() + ": " + refused.getMessage(), refused);
    }
  }

  private static void contradictions(Fields f, ModelConfig.Edit e) {
    String activation = f.text("hidden_act", "silu");
    check(
        activation.equals("silu"),
        "%s: hidden_act \"%s\" is not made here; a Doge has \"silu\"",
        f.where(),
        activation);
    double ratio = f.number("dynamic_mask_ratio", 0);
    check(
        ratio == 0,
        "%s: dynamic_mask_ratio %s asks for the mask of before 2025-06, which looks ahead; set it"
            + " to 0 and use keep_window_size",
        f.where(),
        ratio);
    int headDim = f.integer("head_dim", 0);
    check(
        headDim == 0 || (long) headDim * e.numAttentionHeads == e.hiddenSize,
        "%s: head_dim %d times num_attention_heads %d is not hidden_size %d; leave head_dim out",
        f.where(),
        headDim,
        e.numAttentionHeads,
        e.hiddenSize);
  }

  /** All keys of a model in today's spelling, in alphabetic order. */
  public static Map<String, Object> write(ModelConfig c) {
    Map<String, Object> keys = new TreeMap<>();
    keys.put("attention_bias", c.attentionBias());
    keys.put("attention_dropout", c.attentionDropout());
    keys.put("bos_token_id", c.bosTokenId());
    keys.put("eos_token_id", c.eosTokenId());
    keys.put("hidden_act", "silu");
    keys.put("hidden_dropout", c.hiddenDropout());
    keys.put("hidden_size", c.hiddenSize());
    keys.put("initializer_range", c.initializerRange());
    keys.put("intermediate_size", c.intermediateSize());
    keys.put("is_moe", c.isMoe());
    keys.put("keep_window_size", c.keepWindowSize());
    keys.put("max_position_embeddings", c.maxPositionEmbeddings());
    keys.put("mlp_bias", c.mlpBias());
    keys.put("norm_topk_prob", c.normTopkProb());
    keys.put("num_attention_heads", c.numAttentionHeads());
    keys.put("num_experts", c.numExperts());
    keys.put("num_experts_per_tok", c.numExpertsPerTok());
    keys.put("num_hidden_layers", c.numHiddenLayers());
    keys.put("num_key_value_heads", c.numKeyValueHeads());
    keys.put("output_router_logits", c.outputRouterLogits());
    keys.put("pad_token_id", c.padTokenId());
    keys.put("rms_norm_eps", c.rmsNormEps());
    keys.put(ROPE, rope(c));
    keys.put("router_aux_loss_coef", c.routerAuxLossCoef());
    keys.put("sliding_window", c.slidingWindow() == 0 ? null : c.slidingWindow());
    keys.put("tie_word_embeddings", c.tieWordEmbeddings());
    keys.put("vocab_size", c.vocabSize());
    if (c.isMoe()) {
      keys.put("routing", c.routing().name().toLowerCase(Locale.ROOT));
      keys.put("load_balancing", c.loadBalancing().name().toLowerCase(Locale.ROOT));
    }
    if (c.numLabels() != 2) { // the default, which transformers leaves out too
      Map<String, Object> names = new LinkedHashMap<>();
      for (int label = 0; label < c.numLabels(); label++) {
        names.put(String.valueOf(label), "LABEL_" + label);
      }
      keys.put("id2label", names);
    }
    return keys;
  }

  private static Map<String, Object> rope(ModelConfig c) {
    Map<String, Object> rope = new TreeMap<>();
    rope.put("rope_theta", c.ropeTheta());
    rope.put("rope_type", c.ropeScaling().ropeType());
    if (c.ropeScaling().isDynamic()) {
      rope.put("factor", c.ropeScaling().factor());
      rope.put("original_max_position_embeddings", c.ropeScaling().originalMaxPositionEmbeddings());
    }
    return rope;
  }

  /** The same keys in the spelling of transformers before 5: rope_theta and rope_scaling. */
  public static Map<String, Object> writeFormer(ModelConfig c) {
    Map<String, Object> keys = write(c);
    keys.remove(ROPE);
    Map<String, Object> scaling = rope(c);
    scaling.remove("rope_theta");
    keys.put("rope_theta", c.ropeTheta());
    keys.put("rope_scaling", c.ropeScaling().isDynamic() ? scaling : null);
    return keys;
  }
}
