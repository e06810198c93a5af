package dev.smalldoge.train;

import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.torch.Tensor;
import java.util.Map;

/** What one forward and backward pass works on: some sequences, or some preference pairs. */
public interface MicroBatch extends AutoCloseable {
  /** What the loss is divided by: tokens whose label counts, or preference pairs. */
  long counted();

  /** Tokens that pass through the model, for the rate. */
  long tokens();

  /**
   * Runs forward and backward and adds to the model's gradients.
   *
   * @param counted what the whole step counts; the gradient is divided by it
   * @param microBatches micro-batches of the step, for losses that are means over them
   */
  Result backward(DogeForCausalLm model, long counted, int microBatches);

  @Override
  void close();

  /**
   * What a pass found; read by the loop one step later, so that the device need not wait.
   *
   * @param loss sum of the loss over what the batch counts, one element, on the device
   * @param auxLoss load-balancing loss, one element, on the device; null without it
   * @param sums further figures by name, each a sum over what the batch counts
   */
  record Result(Tensor loss, Tensor auxLoss, Map<String, Tensor> sums) {}
}
