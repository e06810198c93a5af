package dev.smalldoge.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.config.DogeException;
import org.junit.jupiter.api.Test;
import tech.tablesaw.api.Table;

class ScalingLawTest {
  @Test
  void rulesGiveWhatTheirFormulasGiveByHand() {
    // N = e^10, D = 1e9
    double n = Math.exp(10);
    assertThat(ScalingLaw.OPENAI.learningRate(n, 1e9))
        .isCloseTo(3.239e-3 - 1.395e-3, within(1e-12));
    assertThat(ScalingLaw.OPENAI.batchTokens(n, 1e9, 2).getAsDouble())
        .isCloseTo(2e8 * 0.036857, within(1e3)); // 2^-4.7619
    assertThat(ScalingLaw.PORIAN.learningRate(n, 1e9)).isCloseTo(3.7 * 0.0273237, within(1e-6));
    assertThat(ScalingLaw.STEP_LAW.batchTokens(n, 1e9, 2).getAsDouble())
        .isCloseTo(0.58 * 137_720.9, within(1.0)); // 10^5.139
    assertThat(ScalingLaw.STEP_LAW.learningRate(1e6, 1e9))
        .isCloseTo(1.79 * Math.pow(10, -4.278 + 2.763), within(1e-9));
    assertThat(ScalingLaw.MICROSOFT.learningRate(1, 1)).isCloseTo(1.3192 / 148.41316, within(1e-8));
  }

  @Test
  void showsItselfAsTableAndPlot() {
    Table table = ScalingLaw.table(4.7e6, 4e9, 2.6);
    assertThat(table.rowCount()).isEqualTo(4);
    assertThat(table.columnNames()).containsExactly("law", "learningRate", "tokensPerStep");
    assertThat(table.doubleColumn("tokensPerStep").countMissing()).isEqualTo(1);
    assertThat(ScalingLaw.plot(4.7e6, 4e9).getSeriesMap()).hasSize(4);
    assertThatThrownBy(() -> ScalingLaw.table(0, 1, 1)).isInstanceOf(DogeException.class);
  }
}
