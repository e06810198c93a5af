package dev.smalldoge.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.model.TestModels;
import dev.smalldoge.torch.AllReduce;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** When gradients leave, and that each leaves once and complete. */
class GradientBucketsTest {
  /** Writes down what is sent, and the values that it has at that moment. */
  private static final class Sent implements AllReduce {
    private final List<List<Tensor>> buckets = new ArrayList<>();
    private final List<Tensor> order = new ArrayList<>();
    private final List<float[]> values = new ArrayList<>();
    private boolean finished;

    @Override
    public void sum(List<Tensor> arrays) {
      buckets.add(List.copyOf(arrays));
      order.addAll(arrays);
      arrays.forEach(a -> values.add(a.toFloats()));
    }

    @Override
    public void broadcast(List<Tensor> arrays) {
      throw new UnsupportedOperationException("a step broadcasts nothing");
    }

    @Override
    public void finish() {
      finished = true;
    }

    @Override
    public void abort() {}

    @Override
    public void close() {}
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void everyGradientLeavesOnceAndComplete(boolean layerByLayer) {
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = TestModels.model(TestModels.small(), 5)) {
      model.weights().train(name -> true);
      model.recompute(layerByLayer);
      Sent sent = new Sent();
      GradientBuckets buckets = new GradientBuckets(model.weights(), sent, 1);
      buckets.begin();
      model.onLayerDone(buckets::layerDone);
      long[][] ids = TestModels.ids(model.config(), 2, 12, 3);
      model.backward(ModelInput.of(model.operations(), ids), TestModels.tensor(ids), 1.0 / 22, 0);
      assertThat(sent.buckets).hasSize(layerByLayer ? 2 : 0); // one for each layer, before the end
      buckets.finish();
      assertThat(sent.finished).isTrue();

      Map<String, Tensor> gradients = model.weights().gradients();
      assertThat(sent.order).containsExactlyInAnyOrderElementsOf(gradients.values());
      assertThat(sent.order.get(sent.order.size() - 1))
          .isSameAs(gradients.get("model.embed_tokens.weight"));
      for (int i = 0; i < sent.order.size(); i++) {
        assertThat(Arrays.equals(sent.values.get(i), sent.order.get(i).toFloats()))
            .as("gradient %d was complete when it left", i)
            .isTrue();
      }
    }
  }
}
