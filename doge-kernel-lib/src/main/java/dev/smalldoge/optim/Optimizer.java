package dev.smalldoge.optim;

import dev.smalldoge.torch.Tensor;
import java.util.Map;

/** What turns a step's gradients into one update; the training loop knows no more of it. */
public interface Optimizer extends AutoCloseable {
  /** Whether it needs the gradient of the model's weight of this name. */
  boolean trains(String weight);

  /** Takes up the weights that train now. */
  void refresh();

  /**
   * One update with the accumulated gradients, which are zero afterwards.
   *
   * @param learningRate of this step
   * @return the global gradient norm before clipping, FLOAT32, on the device, for the caller to
   *     close; where it is not finite, nothing was changed
   */
  Tensor update(double learningRate);

  /** The moments by name, for a checkpoint; still the optimizer's own. */
  Map<String, Tensor> moments();

  /** How many updates each trained array has had; waits for the device. */
  Map<String, Long> updates();

  /** Takes saved moments, copied, and counts. */
  void restore(Map<String, Tensor> moments, Map<String, Long> savedUpdates);

  @Override
  void close();
}
