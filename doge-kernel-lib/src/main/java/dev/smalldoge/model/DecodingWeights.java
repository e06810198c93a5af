package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.io.WeightNames;
import dev.smalldoge.torch.GenerationOperations;
import dev.smalldoge.torch.GenerationOperations.DecodingArrays;
import dev.smalldoge.torch.GenerationOperations.Layout;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.PackedMatrices;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A copy of a model's weights as decoding reads them: in the compute type, norm weights folded into
 * the projections after them, and q, k, v and dt of a layer as one. Equal to the model up to the
 * rounding of these products. Embedding and head are the master weights themselves in FLOAT32.
 */
final class DecodingWeights implements AutoCloseable {
  /** Arrays of a layer, in the script's order. */
  static final int PER_LAYER = 7;

  /** The matrices among them, and the head's place among what layers share. */
  private static final Set<Integer> MATRICES = Set.of(0, 2, 4, 5);

  private static final int HEAD = 1;

  private final Weights weights;
  private final Layout layout;
  private final boolean packs;
  private final List<Tensor> owned = new ArrayList<>();
  private final DecodingArrays arrays;

  /** A copy for scripts, which are fewer where it is mirrored, or unmirrored for the kernels. */
  DecodingWeights(ModelConfig config, Weights weights, Precision precision, boolean mirrored) {
    this.weights = weights;
    this.packs = precision.packs();
    this.layout =
        new Layout(
            config.numAttentionHeads(), config.numKeyValueHeads(), mirrored, precision.type());
    try (GradMode off = GradMode.off();
        TensorScope scope = new TensorScope()) {
      arrays = fold(config);
      owned.forEach(TensorScope::release);
    }
  }

  private DecodingArrays fold(ModelConfig config) {
    Operations operations = weights.operations();
    GenerationOperations folding = operations.generation();
    List<Tensor> layers = new ArrayList<>();
    List<Tensor> attentionBiases = new ArrayList<>();
    List<Tensor> mlpBiases = new ArrayList<>();
    List<Tensor> experts = new ArrayList<>();
    List<Tensor> headNorms = new ArrayList<>();
    for (int i = 0; i < config.numHiddenLayers(); i++) {
      String layer = "model.layers." + i + ".";
      String self = layer + "self_attn.";
      List<Tensor> attention =
          named(
              self,
              "q_proj.weight",
              "k_proj.weight",
              "v_proj.weight",
              "o_proj.weight",
              "dt_proj.weight",
              "A");
      List<Tensor> norms =
          named(layer, "input_layernorm.weight", "post_attention_layernorm.weight");
      layers.addAll(
          folding.decodingLayer(
              attention,
              named(layer + "mlp.", "gate_proj.weight", "up_proj.weight", "down_proj.weight"),
              norms,
              named(layer, "input_residual", "post_attention_residual"),
              layout));
      headNorms.addAll(named(self, "q_norm.weight", "k_norm.weight"));
      if (config.attentionBias()) {
        List<Tensor> biases =
            named(self, "q_proj.bias", "k_proj.bias", "v_proj.bias", "o_proj.bias", "dt_proj.bias");
        attentionBiases.addAll(folding.decodingAttentionBiases(attention, biases, layout));
      }
      if (config.mlpBias()) {
        List<Tensor> biases =
            named(layer + "mlp.", "gate_proj.bias", "up_proj.bias", "down_proj.bias");
        mlpBiases.addAll(folding.decodingMlpBiases(biases, layout));
      }
      if (config.isMoe()) {
        List<Tensor> mixture =
            named(layer + "mlp.", "router_gate.weight", "down_embed.weight", "up_embed.weight");
        experts.addAll(folding.decodingExperts(mixture, norms.get(1), layout));
      }
    }
    List<Tensor> shared = new ArrayList<>();
    Tensor embedding = operations.cast(weights.get(WeightNames.EMBEDDING), layout.type());
    shared.add(embedding);
    shared.add(
        config.tieWordEmbeddings()
            ? embedding
            : operations.cast(weights.get(WeightNames.HEAD), layout.type()));
    shared.add(operations.cast(weights.get("model.norm.weight"), layout.type()));
    shared.addAll(folding.decodingHeadNorms(headNorms, layout));
    PackedMatrices packed = packed(folding, shared, layers);
    Stream.of(shared, layers, attentionBiases, mlpBiases, experts).forEach(owned::addAll);
    return new DecodingArrays(shared, layers, attentionBiases, mlpBiases, experts, packed);
  }

  /** The matrices in fp16, in whose places empty tensors then stand. */
  private PackedMatrices packed(
      GenerationOperations folding, List<Tensor> shared, List<Tensor> layers) {
    if (!packs) {
      return folding.pack(List.of());
    }
    List<Tensor> matrices = new ArrayList<>();
    Tensor none = weights.operations().zeros(layout.type(), 0);
    for (int i = 0; i < layers.size(); i++) {
      if (MATRICES.contains(i % PER_LAYER)) {
        matrices.add(layers.set(i, none));
      }
    }
    matrices.add(shared.set(HEAD, none));
    return folding.pack(matrices);
  }

  private List<Tensor> named(String prefix, String... names) {
    return Stream.of(names).map(n -> weights.get(prefix + n)).toList();
  }

  DecodingArrays arrays() {
    return arrays;
  }

  Layout layout() {
    return layout;
  }

  @Override
  public void close() {
    owned.forEach(Tensor::close); // closing the tied embedding twice is allowed
    arrays.packed().close();
  }
}
