package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.torch.Tensor;
import java.util.List;

/** One layer: attention, then MLP, each added to a learned multiple of its input. */
final class DecoderLayer {
  private final DynamicMaskAttention attention;
  private final GatedMlp mlp;

  DecoderLayer(ModelConfig config, Weights weights, int number) {
    String prefix = "model.layers." + number + ".";
    attention = new DynamicMaskAttention(config, weights, prefix);
    mlp = new GatedMlp(config, weights, prefix);
  }

  Tensor forward(
      Tensor x,
      Tensor cos,
      Tensor sin,
      ModelInput input,
      boolean folded,
      boolean training,
      List<Tensor> routerScores) {
    Tensor attended = attention.forward(x, cos, sin, input, folded, training);
    return mlp.forward(attended, training, routerScores);
  }

  Tensor forwardCached(
      Tensor x, Tensor cos, Tensor sin, List<Tensor> keyMask, List<Tensor> cache, int position) {
    Tensor attended = attention.forwardCached(x, cos, sin, keyMask, cache, position);
    return mlp.forward(attended, false, new java.util.ArrayList<>());
  }
}
