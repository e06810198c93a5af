package dev.smalldoge.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.Recompute;
import dev.smalldoge.model.Precision;
import dev.smalldoge.optim.WarmupStableDecay;
import dev.smalldoge.torch.Device;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TrainingPlanTest {
  private static TrainingPlan plan(ModelConfig config, int microBatchSize, boolean recompute) {
    return new TrainingPlan(
        config,
        Device.CPU,
        Precision.FLOAT32,
        microBatchSize,
        2_048,
        256,
        8_000,
        Recompute.of(recompute),
        new WarmupStableDecay(8e-3, 800, 6_400, 800, 0));
  }

  @Test
  void theFiguresOfDoge20M() {
    TrainingPlan plan = plan(ModelConfig.doge20M(), 1, false);
    assertThat(plan.tokensPerStep()).isEqualTo(524_288);
    assertThat(plan.totalTokens()).isEqualTo(4_194_304_000L); // the reference's 4 B
    assertThat(plan.stateBytes()).isEqualTo(16L * 13_118_728);
    // 6 a weight and 6 · 8 layers · 256 · 2048 for causal attention
    assertThat(plan.flopsPerToken()).isCloseTo(6.0 * 13_118_728 + 25_165_824, within(1e5));
    assertThat(plan.toString())
        .contains("13,118,728")
        .contains("524,288 (1 x 2048 x 256)")
        .contains("4,194,304,000 in 8,000 steps")
        .contains("8.0e-03 |");
    assertThat(plan.toHtml()).startsWith("<pre>").contains("<img ");
  }

  @Test
  void recomputingAndSmallerBatchesNeedLess() {
    long whole = plan(ModelConfig.doge20M(), 8, false).activationBytes();
    assertThat(plan(ModelConfig.doge20M(), 4, false).activationBytes()).isLessThan(whole);
    assertThat(plan(ModelConfig.doge20M(), 8, true).activationBytes()).isLessThan(whole / 3);
  }

  @ParameterizedTest
  @CsvSource({
    "20M, NOTHING, 0.115",
    "20M, MLP, 0.088",
    "20M, LAYERS, 0.038",
    "320M, NOTHING, 1.660",
    "320M, MLP, 1.176",
    "320M, LAYERS, 0.242",
    "20M-MoE, NOTHING, 0.124"
  })
  void aSequenceOfTheFusedStepTakesWhatWasMeasured(String size, Recompute recompute, double gib) {
    ModelConfig config =
        switch (size) {
          case "20M" -> ModelConfig.doge20M();
          case "320M" -> ModelConfig.doge320M();
          default -> ModelConfig.doge20MMoe();
        };
    long more = fused(config, 32, recompute) - fused(config, 8, recompute);
    // docs/LAB-LOG.md, an H200; the allocator's own share is in the figure
    assertThat(more / 24.0 / (1L << 30)).isCloseTo(gib, withinPercentage(8));
  }

  private static long fused(ModelConfig config, int microBatchSize, Recompute recompute) {
    return new TrainingPlan(
            config,
            Device.CPU, // the count does not ask for one
            Precision.BFLOAT16,
            microBatchSize,
            2_048,
            1,
            8_000,
            recompute,
            new WarmupStableDecay(8e-3, 800, 6_400, 800, 0))
        .fusedBytes();
  }

  @Test
  void aRunThatCannotFitIsRefusedWithItsRemedy() {
    assertThatThrownBy(() -> plan(ModelConfig.doge320M(), 4_096, false).requireRoom())
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("free on cpu")
        .hasMessageContaining("halve microBatchSize to 2048 and double gradientAccumulationSteps")
        .hasMessageContaining("to 512");
  }
}
