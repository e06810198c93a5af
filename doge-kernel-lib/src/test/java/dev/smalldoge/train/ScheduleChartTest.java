package dev.smalldoge.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.optim.CosineWithMinimum;
import dev.smalldoge.optim.WarmupStableDecay;
import java.util.Base64;
import org.junit.jupiter.api.Test;

class ScheduleChartTest {
  private final ScheduleChart chart =
      new ScheduleChart(new WarmupStableDecay(8e-3, 800, 6_400, 800, 0), 8_000);

  @Test
  void theChartHoldsTheScheduleFromTheFirstStepToTheLast() {
    var series = chart.chart().getSeriesMap().get("learning rate");
    assertThat(series.getXData()).hasSize(400).startsWith(0).endsWith(7_999);
    assertThat(series.getYData()[0]).isZero();
    assertThat(series.getYData()[200]).isEqualTo(8e-3);
    assertThat(series.getYData()[399]).isCloseTo(8e-3 / 800, within(1e-15));
  }

  @Test
  void inATerminalItIsText() {
    assertThat(chart.toString())
        .startsWith(" 8.0e-03 |")
        .contains("|     ###")
        .endsWith("8,000 steps");
    assertThat(chart.toString().lines()).hasSize(8).allMatch(line -> line.length() <= 72);
  }

  @Test
  void inANotebookItIsAPicture() {
    String html = chart.toHtml();
    String start = "src=\"data:image/png;base64,";
    String data = html.substring(html.indexOf(start) + start.length(), html.lastIndexOf('"'));
    assertThat(Base64.getDecoder().decode(data)).startsWith(0x89, 'P', 'N', 'G');
  }

  @Test
  void oneStepIsDrawnAndNoneIsRefused() {
    assertThat(new ScheduleChart(new CosineWithMinimum(1e-3, 0, 1, 0.1), 1).chart()).isNotNull();
    assertThatThrownBy(() -> new ScheduleChart(chart.schedule(), 0))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("maxSteps 0 is not positive");
  }
}
