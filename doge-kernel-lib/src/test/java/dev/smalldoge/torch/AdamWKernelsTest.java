package dev.smalldoge.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.torch.OptimizerOperations.AdamWGroup;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * AdamW's kernels against the same in doubles on fresh random arrays, of sizes that leave pieces
 * and vectors half full. Needs a GPU.
 */
@Tag("gpu")
class AdamWKernelsTest {
  private static final AdamWKernels.Constants CONSTANTS =
      new AdamWKernels.Constants(1, 3e-3, 0.9, 0.999, 1e-8);

  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);
  private final TensorScope scope = new TensorScope();
  private final Operations operations = Operations.on(Device.gpu(0));
  private final AdamWKernels kernels = AdamWKernels.of(operations).orElseThrow();
  private final List<AdamWGroup> groups = List.of(group(0.1, 3, 40_001), group(0, 8_192, 17));
  private final Map<Tensor, Tensor> copies = new HashMap<>();

  @AfterEach
  void close() {
    kernels.close();
    scope.close();
  }

  private AdamWGroup group(double decay, int... sizes) {
    List<List<Tensor>> arrays = new ArrayList<>();
    for (int kind = 0; kind < 4; kind++) {
      List<Tensor> ofKind = new ArrayList<>();
      for (int size : sizes) {
        ofKind.add(
            kind == 0
                ? operations.floats(values(size, 1), size)
                : operations.zeros(DType.FLOAT32, size));
      }
      arrays.add(ofKind);
    }
    Tensor updates = operations.floats(new float[] {decay == 0 ? 5 : 0});
    return new AdamWGroup(
        arrays.get(0), arrays.get(1), arrays.get(2), arrays.get(3), updates, decay);
  }

  private float[] values(int size, double deviation) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    return values;
  }

  /** An array in doubles, with its moments. */
  private static final class Twin {
    final double[] weight;
    final double[] mean;
    final double[] square;
    final double decay;
    int updates;

    Twin(float[] weight, double decay) {
      this.weight = new double[weight.length];
      for (int i = 0; i < weight.length; i++) {
        this.weight[i] = weight[i];
      }
      this.mean = new double[weight.length];
      this.square = new double[weight.length];
      this.decay = decay;
      this.updates = decay == 0 ? 5 : 0;
    }

    void update(float[] gradient, double divisor) {
      updates++;
      for (int i = 0; i < weight.length; i++) {
        double g = gradient[i] / divisor;
        mean[i] = CONSTANTS.beta1() * mean[i] + (1 - CONSTANTS.beta1()) * g;
        square[i] = CONSTANTS.beta2() * square[i] + (1 - CONSTANTS.beta2()) * g * g;
        double m = mean[i] / (1 - Math.pow(CONSTANTS.beta1(), updates));
        double v = square[i] / (1 - Math.pow(CONSTANTS.beta2(), updates));
        weight[i] -= CONSTANTS.learningRate() * decay * weight[i];
        weight[i] -= CONSTANTS.learningRate() * m / (Math.sqrt(v) + CONSTANTS.eps());
      }
    }
  }

  private List<Tensor> parameters() {
    return groups.stream().flatMap(g -> g.parameters().stream()).toList();
  }

  private List<Tensor> gradients() {
    return groups.stream().flatMap(g -> g.gradients().stream()).toList();
  }

  @Test
  void updatesEqualTheTwin() {
    List<Twin> twins = new ArrayList<>();
    for (AdamWGroup group : groups) {
      for (Tensor weight : group.parameters()) {
        twins.add(new Twin(weight.toFloats(), group.weightDecay()));
        copies.put(weight, operations.zeros(DType.BFLOAT16, weight.size()));
      }
    }
    for (int step = 0; step < 10; step++) {
      double deviation = step % 2 == 0 ? 1e-4 : 1; // kept as they are, and clipped
      List<float[]> gradients = new ArrayList<>();
      double squares = 0;
      for (Tensor gradient : gradients()) {
        float[] values = values((int) gradient.size(), deviation);
        gradients.add(values);
        operations.copyInto(gradient, operations.floats(values, values.length));
        for (float v : values) {
          squares += (double) v * v;
        }
      }
      double norm = Math.sqrt(squares);
      Tensor found = kernels.update(groups, copies, CONSTANTS);
      assertThat(found.item()).as("seed %d", seed).isCloseTo(norm, within(1e-6 * norm));
      for (int i = 0; i < twins.size(); i++) {
        twins.get(i).update(gradients.get(i), Math.max(1, (norm + 1e-6) / CONSTANTS.maxNorm()));
      }
    }
    for (int i = 0; i < twins.size(); i++) {
      Tensor weight = parameters().get(i);
      // ten updates of a few fp32 roundings each
      Comparison.assertClose("weight " + i, weight.toFloats(), twins.get(i).weight, 2e-6);
      assertThat(operations.cast(copies.get(weight), DType.FLOAT32).toFloats())
          .isEqualTo(
              operations.cast(operations.cast(weight, DType.BFLOAT16), DType.FLOAT32).toFloats());
    }
    gradients().forEach(g -> assertThat(g.toFloats()).containsOnly(0f));
    assertThat(groups.get(0).step().item()).isEqualTo(10);
    assertThat(groups.get(1).step().item()).isEqualTo(15);
  }

  @Test
  void aNormThatIsNotFiniteChangesNothingButTheGradients() {
    List<float[]> before = parameters().stream().map(Tensor::toFloats).toList();
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      Tensor gradient = gradients().get(1);
      float[] values = values((int) gradient.size(), 1);
      values[40_000] = bad;
      operations.copyInto(gradient, operations.floats(values, values.length));
      assertThat(kernels.update(groups, copies, CONSTANTS).item()).isNotFinite();
      for (int i = 0; i < before.size(); i++) {
        assertThat(parameters().get(i).toFloats()).isEqualTo(before.get(i));
      }
      groups.forEach(g -> g.means().forEach(m -> assertThat(m.toFloats()).containsOnly(0f)));
      gradients().forEach(g -> assertThat(g.toFloats()).containsOnly(0f));
      assertThat(groups.get(0).step().item()).isZero();
    }
  }
}
