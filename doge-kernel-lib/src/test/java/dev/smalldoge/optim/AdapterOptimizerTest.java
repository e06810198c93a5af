package dev.smalldoge.optim;

import static dev.smalldoge.model.TestModels.OPERATIONS;
import static dev.smalldoge.model.TestModels.small;
import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.LoraSettings;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.LoraAdapter;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.model.TestModels;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class AdapterOptimizerTest {
  @Test
  void learnsABatchByTheTargetsAloneAndLeavesEveryOtherWeight() {
    long[][] ids = TestModels.ids(small(), 2, 8, 21);
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = TestModels.model(small(), 22);
        LoraAdapter adapter = LoraAdapter.create(model, LoraSettings.ofRank(8), 23);
        AdapterOptimizer optimizer = new AdapterOptimizer(adapter, AdamW.Settings.FINE_TUNING)) {
      Map<String, float[]> before = values(model);
      model.weights().train(optimizer::trains);
      double first = step(model, optimizer, ids);
      double last = first;
      for (int i = 0; i < 60; i++) {
        last = step(model, optimizer, ids);
      }
      // the weights around the adapters are random, so this is far below any luck
      assertThat(last).isLessThan(first / 4);
      values(model)
          .forEach(
              (name, values) -> {
                if (adapter.targets(name)) {
                  assertThat(values).as(name).isNotEqualTo(before.get(name));
                } else {
                  assertThat(values).as(name).isEqualTo(before.get(name));
                }
              });
    }
  }

  private static double step(DogeForCausalLm model, AdapterOptimizer optimizer, long[][] ids) {
    try (TensorScope scope = new TensorScope()) {
      var input = ModelInput.of(OPERATIONS, ids);
      double nats = model.backward(input, TestModels.tensor(ids), 1.0 / 14, 0).nats().item();
      Tensor norm = optimizer.update(2e-2);
      assertThat(norm.item()).isPositive();
      return nats / 14;
    }
  }

  private static Map<String, float[]> values(DogeForCausalLm model) {
    Map<String, float[]> values = new TreeMap<>();
    model.weights().byName().forEach((name, weight) -> values.put(name, weight.toFloats()));
    return values;
  }
}
