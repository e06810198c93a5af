package dev.smalldoge.optim;

import dev.smalldoge.model.LoraAdapter;
import dev.smalldoge.torch.Tensor;
import java.util.Map;

/**
 * AdamW on the factors of a low-rank adapter: the gradients of the model's merged weights become
 * those of A and B, these are updated, and the merged weights follow.
 */
public final class AdapterOptimizer implements Optimizer {
  private final LoraAdapter adapter;
  private final AdamW adamW;

  /** An optimizer of the adapter, which stays its owner's to close. */
  public AdapterOptimizer(LoraAdapter adapter, AdamW.Settings settings) {
    this.adapter = adapter;
    adapter.factors().train(name -> true);
    this.adamW = new AdamW(adapter.factors(), settings);
  }

  @Override
  public boolean trains(String weight) {
    return adapter.targets(weight);
  }

  @Override
  public void refresh() {
    adamW.refresh();
  }

  @Override
  public Tensor update(double learningRate) {
    adapter.takeGradients();
    Tensor norm = adamW.update(learningRate);
    adapter.merge();
    return norm;
  }

  @Override
  public Map<String, Tensor> moments() {
    return adamW.moments();
  }

  @Override
  public Map<String, Long> updates() {
    return adamW.updates();
  }

  @Override
  public void restore(Map<String, Tensor> moments, Map<String, Long> savedUpdates) {
    adamW.restore(moments, savedUpdates);
  }

  @Override
  public void close() {
    adamW.close();
  }
}
