package dev.smalldoge.train;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.optim.LearningRateSchedule;
import java.awt.Color;
import java.io.IOException;
import java.util.Base64;
import java.util.Locale;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * The learning rate over the steps of a run, drawn: as text in a terminal, as a picture in a
 * notebook.
 *
 * <p>Example: {@code new ScheduleChart(new WarmupStableDecay(8e-3, 800, 6_400, 800, 0), 8_000)}.
 *
 * @param schedule learning rate of each step
 * @param maxSteps steps of the run; the schedule's own number where the run holds on to it
 */
public record ScheduleChart(LearningRateSchedule schedule, long maxSteps) {
  private static final int COLUMNS = 60;
  private static final int ROWS = 6;
  private static final int POINTS = 400;

  /** Checks that there is something to draw. */
  public ScheduleChart {
    check(maxSteps > 0, "maxSteps %d is not positive; give at least 1", maxSteps);
  }

  /** The chart; steps from 0 to {@code maxSteps} − 1. */
  public XYChart chart() {
    int points = (int) Math.min(POINTS, maxSteps);
    double[] steps = new double[points];
    double[] rates = new double[points];
    for (int i = 0; i < points; i++) {
      long step = points == 1 ? 0 : Math.round((double) i * (maxSteps - 1) / (points - 1));
      steps[i] = step;
      rates[i] = schedule.at(step);
    }
    XYChart chart =
        new XYChartBuilder()
            .width(720)
            .height(260)
            .title("learning rate")
            .xAxisTitle("step")
            .build();
    chart.getStyler().setLegendVisible(false);
    chart.getStyler().setChartBackgroundColor(Color.WHITE);
    chart.getStyler().setPlotBorderVisible(false);
    chart.getStyler().setYAxisDecimalPattern("0.0E0");
    chart.getStyler().setXAxisDecimalPattern("#,##0");
    chart.getStyler().setYAxisMin(0.0);
    chart
        .addSeries("learning rate", steps, rates)
        .setMarker(SeriesMarkers.NONE)
        .setLineColor(new Color(0x4c78a8))
        .setLineWidth(2f);
    return chart;
  }

  /** The chart as one HTML image that needs no file and no network. */
  public String toHtml() {
    try {
      byte[] png = BitmapEncoder.getBitmapBytes(chart(), BitmapEncoder.BitmapFormat.PNG);
      return "<img alt=\"learning rate over steps\" src=\"data:image/png;base64,"
          + Base64.getEncoder().encodeToString(png)
          + "\"/>";
    } catch (IOException e) {
      throw new DogeException("Cannot draw the schedule (" + e.getMessage() + "); print it", e);
    }
  }

  /** The chart in characters, the peak's rate beside the top row and the steps below. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (int row = ROWS; row >= 1; row--) {
      double level = schedule.peak() * row / ROWS;
      text.append(row == ROWS ? String.format(Locale.ROOT, "%8.1e ", level) : " ".repeat(9));
      text.append('|');
      for (int column = 0; column < COLUMNS; column++) {
        long step = (long) column * (maxSteps - 1) / (COLUMNS - 1);
        text.append(schedule.at(step) >= level - schedule.peak() / (2 * ROWS) ? '#' : ' ');
      }
      text.append('\n');
    }
    text.append("       0 +").append("-".repeat(COLUMNS)).append('\n');
    String last = String.format(Locale.ROOT, "%,d steps", maxSteps);
    text.append(" ".repeat(10)).append('0');
    text.append(" ".repeat(Math.max(1, COLUMNS - 1 - last.length()))).append(last);
    return text.toString().replaceAll(" +\n", "\n");
  }
}
