package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.torch.AttentionMask;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Operations.AttentionWeights;
import dev.smalldoge.torch.Tensor;
import java.util.List;

/**
 * Grouped-query attention whose keys carry a learned bias: B batch, T sequence, H query heads, G
 * shared key and value heads, D head width, d = H · D.
 *
 * <p>With q, k, v the projected heads (q and k through RMSNorm and rotary embedding), key j adds
 * {@code bias(g, j) = exp(A(g) · softplus(dt_proj(v of all heads at j)(g)))} to its scores, so
 * attention = softmax(q·k/√D + bias, causal). Where more than {@code keepWindowSize} keys are
 * there, each query keeps those of the largest biases, of equal ones the later. A is 0 at first:
 * plain attention.
 *
 * <p>Two paths, equal where both apply: the folded one turns the bias into two more columns of k
 * and runs as plain flash attention in O(T) memory; the explicit one makes the (B, H, T, T) scores
 * and serves every mask.
 *
 * <p>Source: {@code DogeAttention} of Hugging Face transformers, its eager path; arXiv:2412.11834.
 * Its SDPA path is not causal and not followed.
 */
final class DynamicMaskAttention {
  private final ModelConfig config;
  private final Operations operations;
  private final AttentionWeights weights;

  DynamicMaskAttention(ModelConfig config, Weights weights, String layer) {
    this.config = config;
    this.operations = weights.operations();
    String at = layer + "self_attn.";
    this.weights =
        new AttentionWeights(
            weights.get(layer + "input_layernorm.weight"),
            weights.get(layer + "input_residual"),
            List.of(
                weights.get(at + "q_proj.weight"),
                weights.get(at + "k_proj.weight"),
                weights.get(at + "v_proj.weight"),
                weights.get(at + "o_proj.weight"),
                weights.get(at + "dt_proj.weight"),
                weights.get(at + "A"),
                weights.get(at + "q_norm.weight"),
                weights.get(at + "k_norm.weight")),
            config.attentionBias()
                ? List.of(
                    weights.get(at + "q_proj.bias"),
                    weights.get(at + "k_proj.bias"),
                    weights.get(at + "v_proj.bias"),
                    weights.get(at + "o_proj.bias"),
                    weights.get(at + "dt_proj.bias"))
                : List.of(),
            config.numAttentionHeads(),
            config.numKeyValueHeads(),
            config.rmsNormEps(),
            config.keepWindowSize(),
            config.slidingWindow());
  }

  /** Whether the folded path is exact for this input. */
  static boolean folds(ModelConfig config, ModelInput input, boolean training) {
    boolean everyKeyKept = input.length() <= config.keepWindowSize();
    boolean everyKeyInReach =
        config.slidingWindow() == 0 || input.length() <= config.slidingWindow();
    boolean noDropout = !training || config.attentionDropout() == 0;
    return everyKeyKept && everyKeyInReach && noDropout && !input.paddedLeft();
  }

  /** residual · x + attention(norm(x)) for x (B, T, d); cos and sin (T, D). */
  Tensor forward(
      Tensor x, Tensor cos, Tensor sin, ModelInput input, boolean folded, boolean training) {
    return operations.attentionBlock(
        x,
        weights,
        cos,
        sin,
        new AttentionMask(folded, input.keyMask(), input.documents(), input.bounds()),
        training ? config.attentionDropout() : 0,
        training ? config.hiddenDropout() : 0);
  }

  /** The same for T new tokens after {@code position} cached ones. */
  Tensor forwardCached(
      Tensor x, Tensor cos, Tensor sin, List<Tensor> keyMask, List<Tensor> cache, int position) {
    return operations.attentionBlockCached(x, weights, cos, sin, keyMask, cache, position);
  }
}
