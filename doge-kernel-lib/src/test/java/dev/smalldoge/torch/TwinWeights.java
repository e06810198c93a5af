package dev.smalldoge.torch;

import dev.smalldoge.config.ModelConfig;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;

/**
 * Random weights for any configuration, by name, exact in fp32. They are larger than those that
 * training begins with, and A is not 0, so that a fault in any part shows in the output.
 */
public final class TwinWeights {
  private final Map<String, TwinArray> arrays = new LinkedHashMap<>();
  private final Random random;

  private TwinWeights(long seed) {
    this.random = new Random(seed);
  }

  /** Weights of all layers, embedding, final norm, and a head where it is not tied. */
  public static Map<String, TwinArray> of(ModelConfig c, long seed) {
    TwinWeights made = new TwinWeights(seed);
    made.add("model.embed_tokens.weight", 0, 1, c.vocabSize(), c.hiddenSize());
    for (int layer = 0; layer < c.numHiddenLayers(); layer++) {
      made.addLayer(c, "model.layers." + layer + ".");
    }
    made.add("model.norm.weight", 1, 0.2, c.hiddenSize());
    if (!c.tieWordEmbeddings()) {
      made.addLinear("lm_head", c.vocabSize(), c.hiddenSize(), false);
    }
    return made.arrays;
  }

  /** One array of independent N(mean, deviation²) values. */
  public static TwinArray normal(long seed, double mean, double deviation, long... shape) {
    TwinWeights made = new TwinWeights(seed);
    made.add("", mean, deviation, shape);
    return made.arrays.get("");
  }

  /** The values alone, by name: what the twin computes with, over the same memory. */
  public static Map<String, double[]> values(Map<String, TwinArray> arrays) {
    Map<String, double[]> values = new LinkedHashMap<>();
    arrays.forEach((name, array) -> values.put(name, array.values()));
    return values;
  }

  /** Tensors of the same names. */
  public static Map<String, Tensor> tensors(Map<String, TwinArray> arrays, Operations operations) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    arrays.forEach((name, array) -> tensors.put(name, array.tensor(operations)));
    return tensors;
  }

  private void addLayer(ModelConfig c, String layer) {
    int d = c.hiddenSize();
    int width = c.headDim();
    int groups = c.numKeyValueHeads();
    int inner = c.intermediateSize();
    String attention = layer + "self_attn.";
    String mlp = layer + "mlp.";
    add(layer + "input_layernorm.weight", 1, 0.2, d);
    add(layer + "input_residual", 1, 0.2, d);
    addLinear(attention + "q_proj", d, d, c.attentionBias());
    addLinear(attention + "k_proj", groups * width, d, c.attentionBias());
    addLinear(attention + "v_proj", groups * width, d, c.attentionBias());
    addLinear(attention + "o_proj", d, d, c.attentionBias());
    addLinear(attention + "dt_proj", groups, groups * width, c.attentionBias());
    add(attention + "A", 0, 0.5, groups);
    add(attention + "q_norm.weight", 1, 0.2, width);
    add(attention + "k_norm.weight", 1, 0.2, width);
    add(layer + "post_attention_layernorm.weight", 1, 0.2, d);
    add(layer + "post_attention_residual", 1, 0.2, d);
    addLinear(mlp + "gate_proj", inner, d, c.mlpBias());
    addLinear(mlp + "up_proj", inner, d, c.mlpBias());
    addLinear(mlp + "down_proj", d, inner, c.mlpBias());
    if (c.isMoe()) {
      addLinear(mlp + "router_gate", 2 * c.numKeys(), d, false);
      addLinear(mlp + "down_embed", c.numExperts(), d, false);
      add(mlp + "up_embed.weight", 0, 1, c.numExperts(), d);
    }
  }

  private void addLinear(String name, int out, int in, boolean bias) {
    add(name + ".weight", 0, 1 / Math.sqrt(in), out, in);
    if (bias) {
      add(name + ".bias", 0, 0.3, out);
    }
  }

  private void add(String name, double mean, double deviation, long... shape) {
    int size = 1;
    for (long length : shape) {
      size *= (int) length;
    }
    double[] values = new double[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) (mean + deviation * random.nextGaussian());
    }
    arrays.put(name, new TwinArray(values, shape));
  }
}
