package dev.smalldoge.torch;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.RopeScaling;
import dev.smalldoge.torch.Operations.AttentionWeights;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** One layer's scripts called with weights by name, as the model room does. */
final class Blocks {
  static final String LAYER = "model.layers.0.";

  private final ModelConfig config;
  private final Operations operations;
  private final Map<String, Tensor> weights;

  Blocks(ModelConfig config, Operations operations, Map<String, Tensor> weights) {
    this.config = config;
    this.operations = operations;
    this.weights = weights;
  }

  /** A layer of width heads · headDim. */
  static ModelConfig layer(int heads, int groups, int headDim) {
    return new ModelConfig.Edit()
        .build()
        .with(
            e -> {
              e.vocabSize = 11;
              e.hiddenSize = heads * headDim;
              e.intermediateSize = heads * headDim + 3;
              e.numHiddenLayers = 1;
              e.numAttentionHeads = heads;
              e.numKeyValueHeads = groups;
              e.ropeScaling = RopeScaling.NONE;
              e.ropeTheta = 50; // so that few positions already turn every pair
            });
  }

  Tensor attention(Tensor x, int length, AttentionMask mask) {
    return operations.attentionBlock(
        x, attentionWeights(), table(0, length, true), table(0, length, false), mask, 0, 0);
  }

  Tensor attentionCached(
      Tensor x, int position, int fresh, List<Tensor> keyMask, List<Tensor> cache) {
    return operations.attentionBlockCached(
        x,
        attentionWeights(),
        table(position, fresh, true),
        table(position, fresh, false),
        keyMask,
        cache,
        position);
  }

  private AttentionWeights attentionWeights() {
    String at = LAYER + "self_attn.";
    return new AttentionWeights(
        weights.get(LAYER + "input_layernorm.weight"),
        weights.get(LAYER + "input_residual"),
        Stream.of(
                "q_proj.weight",
                "k_proj.weight",
                "v_proj.weight",
                "o_proj.weight",
                "dt_proj.weight",
                "A",
                "q_norm.weight",
                "k_norm.weight")
            .map(name -> weights.get(at + name))
            .toList(),
        biases(config.attentionBias(), at, "q_proj", "k_proj", "v_proj", "o_proj", "dt_proj"),
        config.numAttentionHeads(),
        config.numKeyValueHeads(),
        config.rmsNormEps(),
        config.keepWindowSize(),
        config.slidingWindow());
  }

  private List<Tensor> biases(boolean present, String at, String... names) {
    return present
        ? Stream.of(names).map(name -> weights.get(at + name + ".bias")).toList()
        : List.of();
  }

  private Tensor table(int start, int count, boolean cosine) {
    int width = config.headDim();
    float[] values = new float[count * width];
    for (int i = 0; i < values.length; i++) {
      int pair = i % width % (width / 2);
      double angle = (start + i / width) * Math.pow(config.ropeTheta(), -2.0 * pair / width);
      values[i] = (float) (cosine ? Math.cos(angle) : Math.sin(angle));
    }
    return operations.floats(values, count, width);
  }

  /** The gated MLP, with experts where the configuration has some. */
  Tensor mlp(Tensor x) {
    return config.isMoe() ? experts(x)[0] : plainMlp(x);
  }

  private Tensor plainMlp(Tensor x) {
    return operations.mlpBlock(
        x,
        weights.get(LAYER + "post_attention_layernorm.weight"),
        weights.get(LAYER + "post_attention_residual"),
        projections("gate_proj", "up_proj", "down_proj"),
        biases(config.mlpBias(), LAYER + "mlp.", "gate_proj", "up_proj", "down_proj"),
        config.rmsNormEps(),
        0);
  }

  Tensor[] experts(Tensor x) {
    return operations.expertsBlock(
        x,
        weights.get(LAYER + "post_attention_layernorm.weight"),
        weights.get(LAYER + "post_attention_residual"),
        projections("gate_proj", "up_proj", "down_proj"),
        biases(config.mlpBias(), LAYER + "mlp.", "gate_proj", "up_proj", "down_proj"),
        projections("router_gate", "down_embed", "up_embed"),
        config.numExpertsPerTok(),
        config.normTopkProb(),
        config.routing() == ModelConfig.Routing.LEGACY,
        config.rmsNormEps(),
        0);
  }

  private List<Tensor> projections(String... names) {
    return Stream.of(names).map(name -> weights.get(LAYER + "mlp." + name + ".weight")).toList();
  }
}
