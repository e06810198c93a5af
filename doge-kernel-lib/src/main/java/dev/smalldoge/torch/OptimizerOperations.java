package dev.smalldoge.torch;

import java.util.List;

/** The named operations of an optimizer, on one device; see {@link Operations#optimizer}. */
public final class OptimizerOperations {
  private final Script script;

  OptimizerOperations(Script script) {
    this.script = script;
  }

  /** L2 norm over all arrays together. */
  public Tensor globalNorm(List<Tensor> arrays) {
    return script.call("global_norm", arrays);
  }

  /** One group of parameters that AdamW updates alike, with its moments. */
  public record AdamWGroup(
      List<Tensor> parameters,
      List<Tensor> gradients,
      List<Tensor> means,
      List<Tensor> squares,
      Tensor step,
      double weightDecay) {}

  /** One AdamW update in place; nothing changes where {@code norm} is not finite. */
  public void adamW(
      AdamWGroup group,
      Tensor norm,
      double maxNorm,
      double learningRate,
      double beta1,
      double beta2,
      double eps) {
    script
        .call(
            "adamw",
            group.parameters,
            group.gradients,
            group.means,
            group.squares,
            group.step,
            norm,
            maxNorm,
            learningRate,
            beta1,
            beta2,
            eps,
            group.weightDecay)
        .close();
  }
}
