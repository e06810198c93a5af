package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import java.util.LinkedHashMap;
import java.util.Map;

/** The names and shapes of the weights that a configuration asks for, in the model's order. */
final class WeightShapes {
  static final String EMBEDDING = "model.embed_tokens.weight";
  static final String HEAD = "lm_head.weight";

  private WeightShapes() {}

  static Map<String, long[]> of(ModelConfig c) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put(EMBEDDING, new long[] {c.vocabSize(), c.hiddenSize()});
    for (int layer = 0; layer < c.numHiddenLayers(); layer++) {
      addLayer(shapes, "model.layers." + layer + ".", c);
    }
    shapes.put("model.norm.weight", new long[] {c.hiddenSize()});
    if (!c.tieWordEmbeddings()) {
      shapes.put(HEAD, new long[] {c.vocabSize(), c.hiddenSize()});
    }
    return shapes;
  }

  private static void addLayer(Map<String, long[]> shapes, String layer, ModelConfig c) {
    long d = c.hiddenSize();
    long kv = (long) c.numKeyValueHeads() * c.headDim();
    long inner = c.intermediateSize();
    String attention = layer + "self_attn.";
    String mlp = layer + "mlp.";
    shapes.put(layer + "input_layernorm.weight", new long[] {d});
    shapes.put(layer + "input_residual", new long[] {d});
    addLinear(shapes, attention + "q_proj", d, d, c.attentionBias());
    addLinear(shapes, attention + "k_proj", kv, d, c.attentionBias());
    addLinear(shapes, attention + "v_proj", kv, d, c.attentionBias());
    addLinear(shapes, attention + "o_proj", d, d, c.attentionBias());
    addLinear(shapes, attention + "dt_proj", c.numKeyValueHeads(), kv, c.attentionBias());
    shapes.put(attention + "A", new long[] {c.numKeyValueHeads()});
    shapes.put(attention + "q_norm.weight", new long[] {c.headDim()});
    shapes.put(attention + "k_norm.weight", new long[] {c.headDim()});
    shapes.put(layer + "post_attention_layernorm.weight", new long[] {d});
    shapes.put(layer + "post_attention_residual", new long[] {d});
    addLinear(shapes, mlp + "gate_proj", inner, d, c.mlpBias());
    addLinear(shapes, mlp + "up_proj", inner, d, c.mlpBias());
    addLinear(shapes, mlp + "down_proj", d, inner, c.mlpBias());
    if (c.isMoe()) {
      shapes.put(mlp + "router_gate.weight", new long[] {2L * c.numKeys(), d});
      shapes.put(mlp + "down_embed.weight", new long[] {c.numExperts(), d});
      shapes.put(mlp + "up_embed.weight", new long[] {c.numExperts(), d});
    }
  }

  private static void addLinear(
      Map<String, long[]> shapes, String name, long out, long in, boolean bias) {
    shapes.put(name + ".weight", new long[] {out, in});
    if (bias) {
      shapes.put(name + ".bias", new long[] {out});
    }
  }
}
