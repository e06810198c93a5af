package dev.smalldoge.notebook.display;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.Recipe;
import dev.smalldoge.notebook.Scale;
import dev.smalldoge.train.EvaluationMetrics;
import dev.smalldoge.train.StepMetrics;
import dev.smalldoge.train.TrainingListener;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;

class LiveChartTest {
  private long nanos;
  private boolean rich = true;
  private final List<Rendering> updates = new ArrayList<>();

  private final DisplayHost host =
      new DisplayHost() {
        @Override
        public void show(String id, Rendering rendering) {
          updates.add(rendering);
        }

        @Override
        public void update(String id, Rendering rendering) {
          updates.add(rendering);
        }

        @Override
        public boolean isRich() {
          return rich;
        }
      };

  private LiveChart chart() {
    return new LiveChart("doge <20m>", new DisplayHandle(host), () -> nanos);
  }

  private static TrainingMoment moment(long step, double loss, double evalLoss) {
    return new TrainingMoment(
        step, 1_000, loss, evalLoss, 8e-3, 1.25, 1_039_000, 3L << 30, Duration.ofSeconds(3_725));
  }

  @Test
  void oneLineHoldsEveryNumberAndLeavesOutWhatIsUnknown() {
    assertThat(moment(120, 3.21456, 3.3).line())
        .isEqualTo(
            "step 120/1,000 (12.0 %)  loss 3.2146  eval 3.3000  lr 8.00e-03  gradNorm 1.250"
                + "  1,039 k tokens/s  3.00 GiB  ETA 1 h 02 min");
    TrainingMoment bare =
        new TrainingMoment(1, 2, 3, Double.NaN, 1e-3, Double.NaN, Double.NaN, 0, null);
    assertThat(bare.line()).isEqualTo("step 1/2 (50.0 %)  loss 3.0000  lr 1.00e-03");
    assertThat(moment(1_000, 3, 3).line()).endsWith("3.00 GiB"); // nothing remains
  }

  @Test
  void updatesOnceASecondAndAtTheEnd() {
    try (LiveChart chart = chart()) {
      for (int step = 1; step <= 50; step++) {
        chart.add(moment(step, 10.0 / step, Double.NaN));
        nanos += 100_000_000; // ten steps a second
      }
      assertThat(updates).hasSizeBetween(5, 6);
    }
    assertThat(updates.get(updates.size() - 1).text()).contains("step 50/1,000");
  }

  @Test
  void pictureIsWellFormedAndNeedsNoNetwork() throws Exception {
    LiveChart chart = chart().expect(new double[] {0, 500, 1_000}, new double[] {10, 4, 3});
    for (int step = 1; step <= 700; step++) {
      chart.add(moment(step, 10.0 / Math.sqrt(step), step % 100 == 0 ? 3.5 : Double.NaN));
    }
    chart.close();
    String html = updates.get(updates.size() - 1).data().get(Rendering.HTML);
    assertThat(html).doesNotContain("<script").doesNotContain("doge <20m>");
    String base64 = html.replaceAll("(?s).*base64,([^\"]*)\".*", "$1");
    byte[] svg = Base64.getDecoder().decode(base64);
    Document document =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(new ByteArrayInputStream(svg));
    // train, eval and expected, and the three small curves
    assertThat(document.getElementsByTagName("polyline").getLength()).isEqualTo(6);
    assertThat(new String(svg, StandardCharsets.UTF_8).replace("http://www.w3.org/2000/svg", ""))
        .doesNotContain("http");
    assertThat(svg.length).isLessThan(60_000);
  }

  @Test
  void evaluationLossStaysOnTheLineBetweenEvaluations() {
    LiveChart chart = chart();
    chart.add(moment(1, 5, 4.5));
    chart.add(moment(2, 4, Double.NaN));
    chart.close();
    assertThat(updates.get(updates.size() - 1).text()).contains("eval 4.5000");
  }

  @Test
  void aTrainingRunDrawsItself() {
    TrainingListener listener = new ChartListener(chart(), () -> 5L << 29);
    listener.stepped(step(0, 5, 0));
    listener.stepped(step(1, 4, 2));
    listener.evaluated(new EvaluationMetrics(2, 3.75, 100));
    listener.finished(true);
    assertThat(updates.get(updates.size() - 1).text())
        .contains("step 2/10 (20.0 %)  loss 4.0000  eval 3.7500", "2.50 GiB", "ETA 16 s");
  }

  @Test
  void axesAreLabelledAsShortAsTheirTicksAllow() {
    assertThat(SvgPanel.label(8, 1)).isEqualTo("8");
    assertThat(SvgPanel.label(-1e-18, 0.5)).isEqualTo("0");
    assertThat(SvgPanel.label(0.003, 0.001)).isEqualTo("0.003");
    assertThat(SvgPanel.label(1_500, 500)).isEqualTo("1,500");
    assertThat(SvgPanel.label(2e-5, 1e-5)).isEqualTo("2e-05");
  }

  @Test
  void memoryOfThisProcessIsKnownWithoutAGpu() {
    // a JVM with libtorch's classes has more than 20 MiB and, on this machine, less than 64 GiB
    assertThat(DeviceMemory.usedBytes()).isBetween(20L << 20, 64L << 30);
  }

  @Test
  void expectedLossesAreReadAndBadLinesTold(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("Tiny.csv");
    Files.writeString(file, "# made by hand\nstep,loss\n1,8.25\n300,3\n");
    assertThat(ExpectedLoss.read(file))
        .containsExactly(new ExpectedLoss.Point(1, 8.25), new ExpectedLoss.Point(300, 3));
    Files.writeString(file, "step,loss\n1;8\n");
    assertThatThrownBy(() -> ExpectedLoss.read(file))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("\"1;8\" is not \"step,loss\"");
    assertThat(ExpectedLoss.of("no such recipe")).isEmpty();
  }

  @Test
  void everyTinyRecipeHasItsExpectedCurveToTheLastStep() {
    for (Recipe recipe : List.of(Scale.TINY.pretrain(), Scale.TINY.sft(), Scale.TINY.dpo())) {
      List<ExpectedLoss.Point> curve = ExpectedLoss.of(recipe.name());
      assertThat(curve).as(recipe.name()).isNotEmpty();
      assertThat(curve.get(curve.size() - 1).step())
          .as("last step of recipes/expected/%s.csv", recipe.name())
          .isEqualTo(recipe.training().maxSteps());
    }
  }

  @Test
  void aChartSaysWhetherACurveIsExpected() {
    LiveChart chart = chart();
    chart.add(moment(1, 5, 4.5));
    assertThat(chart.svg()).contains("no expected curve").doesNotContain("— expected");
    chart.expect(new double[] {0, 500}, new double[] {10, 4});
    assertThat(chart.svg()).contains("— expected").doesNotContain("no expected curve");
  }

  @Test
  void aStoppedRunSaysHowItGoesOn() {
    TrainingListener listener = new ChartListener(chart(), () -> 0);
    listener.stepped(step(0, 5, 0));
    listener.finished(false);
    assertThat(updates.get(updates.size() - 1).text()).endsWith("run the cell again to go on");
  }

  private static StepMetrics step(long step, double loss, double seconds) {
    return new StepMetrics(step, 10, loss, 0, 1, 1e-3, 64, 64, 100, seconds, 0, Map.of());
  }

  @Test
  void longRunsKeepTheirMeanInBoundedSpace() {
    Series series = new Series();
    double sum = 0;
    int count = 1 << 15; // 64 values in each of the 512 points
    for (int i = 0; i < count; i++) {
      double value = Math.sin(i * 0.01) + i * 1e-4;
      series.add(i, value);
      sum += value;
    }
    series.add(count, Double.NaN);
    assertThat(series.size()).isEqualTo(Series.MAX);
    double mean = 0;
    for (int i = 0; i < series.size(); i++) {
      mean += series.y(i) / series.size();
      assertThat(series.x(i)).isBetween(0.0, (double) count);
    }
    // the sums are of the same numbers in another order
    assertThat(mean).isCloseTo(sum / count, within(1e-9));
  }

  @Test
  void textGrowsSlowlyAndEndsWithTheLastMoment() {
    rich = false;
    try (LiveChart chart = chart()) {
      for (int step = 1; step <= 150; step++) {
        chart.add(moment(step, 3, Double.NaN));
        nanos += 100_000_000; // ten steps a second
      }
    }
    assertThat(updates)
        .extracting(update -> update.text().replaceAll(".* step (\\d+)/.*", "$1"))
        .containsExactly("1", "101", "150");
  }
}
