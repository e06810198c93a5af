package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.Recompute;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.FusedAttention;
import dev.smalldoge.torch.FusedAttention.Folded;
import dev.smalldoge.torch.FusedExperts.Choice;
import dev.smalldoge.torch.FusedKernels.Normed;
import dev.smalldoge.torch.Tensor;

/**
 * What a layer's forward pass leaves for its backward pass, N = B · T tokens.
 *
 * @param input the layer's input, its norm and what that needs
 * @param qkv queries, keys and values (B, T, H + 2G, 128)
 * @param folded queries and keys as attention takes them
 * @param middle the stream between attention and MLP, and its norm
 * @param gateAndUp the MLP's two branches side by side, (N, 2I)
 * @param choice which experts; null without them
 */
record FusedActivations(
    Normed input, Tensor qkv, Folded folded, Normed middle, Tensor gateAndUp, Choice choice) {

  /**
   * Memory for a layer.
   *
   * @param first that of the first layer, which all layers share as far as it is computed again;
   *     null for the first layer itself
   */
  static FusedActivations of(
      ModelConfig config, FusedScratch scratch, Recompute recompute, FusedActivations first) {
    boolean sharesMlp = first != null && recompute != Recompute.NOTHING;
    boolean sharesAll = first != null && recompute == Recompute.LAYERS;
    Tensor gateAndUp =
        sharesMlp
            ? first.gateAndUp
            : scratch.keep(DType.BFLOAT16, scratch.tokens(), 2L * config.intermediateSize());
    Choice choice = config.isMoe() ? choice(config, scratch) : null;
    if (sharesAll) {
      Normed input = new Normed(scratch.stream(), first.input.normed(), first.input.inverse());
      return new FusedActivations(input, first.qkv, first.folded, first.middle, gateAndUp, choice);
    }
    long rows = scratch.batch();
    long length = scratch.length();
    int heads = config.numAttentionHeads();
    int groups = config.numKeyValueHeads();
    return new FusedActivations(
        scratch.normed(),
        scratch.keep(DType.BFLOAT16, rows, length, heads + 2L * groups, config.headDim()),
        new Folded(
            scratch.keep(DType.BFLOAT16, rows, length, heads, FusedAttention.FOLDED_WIDTH),
            scratch.keep(DType.BFLOAT16, rows, length, groups, FusedAttention.FOLDED_WIDTH),
            scratch.keep(DType.FLOAT32, rows, length, groups)),
        scratch.normed(),
        gateAndUp,
        choice);
  }

  private static Choice choice(ModelConfig config, FusedScratch scratch) {
    long n = scratch.tokens();
    long chosen = config.numExpertsPerTok();
    return new Choice(
        scratch.keep(DType.FLOAT32, n, 2L * config.numKeys()),
        scratch.keep(DType.FLOAT32, n, chosen),
        scratch.keep(DType.FLOAT32, n, chosen),
        scratch.keep(DType.FLOAT32, n, chosen));
  }
}
