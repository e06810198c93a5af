package dev.smalldoge.torch;

import static dev.smalldoge.torch.Comparison.assertClose;

import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.Test;

/** Low-rank adapters: the merged weight and the gradients of both factors. */
class AdapterTwinTest {
  private static final int OUT = 5;
  private static final int IN = 4;
  private static final int RANK = 2;
  private static final double SCALE = 1.5;

  private final Operations operations = Operations.on(Device.CPU);
  private final TwinArray base = TwinWeights.normal(81, 0, 1, OUT, IN);
  private final TwinArray a = TwinWeights.normal(82, 0, 1, RANK, IN);
  private final TwinArray b = TwinWeights.normal(83, 0, 1, OUT, RANK);
  private final TwinArray gradient = TwinWeights.normal(84, 0, 1, OUT, IN);

  private double[] merged() {
    double[] merged = base.values().clone();
    for (int row = 0; row < OUT; row++) {
      for (int column = 0; column < IN; column++) {
        for (int r = 0; r < RANK; r++) {
          merged[row * IN + column] +=
              SCALE * b.values()[row * RANK + r] * a.values()[r * IN + column];
        }
      }
    }
    return merged;
  }

  @Test
  void theWeightIsTheBaseAndTheScaledProduct() {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Tensor weight = operations.zeros(DType.FLOAT32, OUT, IN);
      operations
          .fineTuning()
          .mergeAdapter(
              weight, base.tensor(operations), a.tensor(operations), b.tensor(operations), SCALE);
      assertClose("weight", weight.toFloats(), merged(), 1e-6); // a few fp32 roundings
    }
  }

  @Test
  void gradientsOfTheFactorsEqualFiniteDifferencesAndAreAdded() {
    // the loss is linear in the weight, so its gradient by the weight is what is given
    DoubleSupplier loss = () -> Comparison.dot(gradient.values(), merged());
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Tensor ofA = operations.zeros(DType.FLOAT32, RANK, IN);
      Tensor ofB = operations.zeros(DType.FLOAT32, OUT, RANK);
      double[] expectedA = Comparison.differences(a.values(), loss);
      double[] expectedB = Comparison.differences(b.values(), loss);
      for (int times = 1; times <= 2; times++) {
        operations
            .fineTuning()
            .adapterGradients(
                gradient.tensor(operations),
                a.tensor(operations),
                b.tensor(operations),
                ofA,
                ofB,
                SCALE);
        assertClose("a", ofA.toFloats(), times(expectedA, times), 1e-6);
        assertClose("b", ofB.toFloats(), times(expectedB, times), 1e-6);
      }
    }
  }

  private static double[] times(double[] values, double factor) {
    return java.util.Arrays.stream(values).map(v -> v * factor).toArray();
  }
}
