package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import java.util.List;

/**
 * The feed-forward half of a layer: SwiGLU, and beside it, where the configuration asks, a cross
 * domain mixture of experts (CDMoE).
 *
 * <p>SwiGLU is down(silu(gate(h)) · up(h)). The CDMoE adds Σ over the chosen experts of
 * softmax(score) · silu(down_e · h) · up_e; an expert is a pair of product keys, its score the sum
 * of the pair's two router outputs.
 *
 * <p>Source: {@code DogeMLP} and {@code DogeCDMoE} of Hugging Face transformers. Its view of the
 * router's output mixes tokens; {@link ModelConfig.Routing} says what we do.
 */
final class GatedMlp {
  private final ModelConfig config;
  private final Operations operations;
  private final Tensor norm;
  private final Tensor residual;
  private final List<Tensor> projections;
  private final List<Tensor> biases;
  private final List<Tensor> experts;

  GatedMlp(ModelConfig config, Weights weights, String layer) {
    this.config = config;
    this.operations = weights.operations();
    this.norm = weights.get(layer + "post_attention_layernorm.weight");
    this.residual = weights.get(layer + "post_attention_residual");
    String at = layer + "mlp.";
    this.projections =
        List.of(
            weights.get(at + "gate_proj.weight"),
            weights.get(at + "up_proj.weight"),
            weights.get(at + "down_proj.weight"));
    this.biases =
        config.mlpBias()
            ? List.of(
                weights.get(at + "gate_proj.bias"),
                weights.get(at + "up_proj.bias"),
                weights.get(at + "down_proj.bias"))
            : List.of();
    this.experts =
        config.isMoe()
            ? List.of(
                weights.get(at + "router_gate.weight"),
                weights.get(at + "down_embed.weight"),
                weights.get(at + "up_embed.weight"))
            : List.of();
  }

  /**
   * residual · x + MLP(norm(x)) for x (B, T, d).
   *
   * @param routerScores gets this layer's product scores (2, B·T, K) where there are experts
   */
  Tensor forward(Tensor x, boolean training, List<Tensor> routerScores) {
    double dropout = training ? config.hiddenDropout() : 0;
    if (!config.isMoe()) {
      return operations.mlpBlock(
          x, norm, residual, projections, biases, config.rmsNormEps(), dropout);
    }
    Tensor[] result =
        operations.expertsBlock(
            x,
            norm,
            residual,
            projections,
            biases,
            experts,
            config.numExpertsPerTok(),
            config.normTopkProb(),
            config.routing() == ModelConfig.Routing.LEGACY,
            config.rmsNormEps(),
            dropout);
    routerScores.add(result[1]);
    return result[0];
  }
}
