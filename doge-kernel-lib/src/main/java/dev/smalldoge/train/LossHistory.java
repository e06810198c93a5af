package dev.smalldoge.train;

import dev.smalldoge.config.DogeException;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Keeps the losses of a run, and draws them. */
public final class LossHistory implements TrainingListener {
  private final List<Double> steps = new ArrayList<>();
  private final List<Double> losses = new ArrayList<>();
  private final List<Double> evaluationSteps = new ArrayList<>();
  private final List<Double> evaluationLosses = new ArrayList<>();
  private final Map<String, List<Double>> extra = new TreeMap<>();
  private final Map<String, List<Double>> evaluationExtra = new TreeMap<>();

  @Override
  public synchronized void stepped(StepMetrics metrics) {
    // an update's loss lies between the updates; where all points are whole and equally spaced,
    // XChart puts its ticks on them, 1, 28, 55 and so on
    steps.add(metrics.step() + 0.5);
    losses.add(metrics.loss());
    metrics.extra().forEach((n, v) -> extra.computeIfAbsent(n, k -> new ArrayList<>()).add(v));
  }

  @Override
  public synchronized void evaluated(EvaluationMetrics metrics) {
    evaluationSteps.add((double) metrics.step());
    evaluationLosses.add(metrics.loss());
    metrics
        .extra()
        .forEach((n, v) -> evaluationExtra.computeIfAbsent(n, k -> new ArrayList<>()).add(v));
  }

  /** The training losses so far, in nats per token. */
  public synchronized List<Double> losses() {
    return List.copyOf(losses);
  }

  /** The last training loss; not a number before the first. */
  public synchronized double lastLoss() {
    return last(losses);
  }

  /** A further figure of the last step by its name; not a number without one. */
  public synchronized double lastFigure(String name) {
    return last(extra.getOrDefault(name, List.of()));
  }

  private static double last(List<Double> values) {
    return values.isEmpty() ? Double.NaN : values.get(values.size() - 1);
  }

  /** The last evaluation's loss in nats per token; not a number before the first. */
  public synchronized double lastEvaluationLoss() {
    return last(evaluationLosses);
  }

  /** A further figure of every step by its name, such as {@code rewardMargin}; empty if none. */
  public synchronized List<Double> figures(String name) {
    return List.copyOf(extra.getOrDefault(name, List.of()));
  }

  /** A further figure of the last evaluation by its name; not a number without one. */
  public synchronized double lastEvaluation(String name) {
    return last(evaluationExtra.getOrDefault(name, List.of()));
  }

  /** A chart of training and held-out loss over steps. */
  public synchronized XYChart chart(String title) {
    return chart(title, "loss (nats per token)", losses, evaluationLosses);
  }

  /** A chart of a further figure over steps, by its name. */
  public synchronized XYChart chart(String title, String name) {
    return chart(title, name, figures(name), evaluationExtra.getOrDefault(name, List.of()));
  }

  private XYChart chart(String title, String axis, List<Double> ofSteps, List<Double> heldOut) {
    XYChart chart =
        new XYChartBuilder()
            .width(900)
            .height(480)
            .title(title)
            .xAxisTitle("step")
            .yAxisTitle(axis)
            .build();
    chart.getStyler().setLegendPosition(LegendPosition.InsideNE);
    chart.getStyler().setChartBackgroundColor(Color.WHITE);
    chart.getStyler().setPlotBorderVisible(false);
    chart.getStyler().setYAxisDecimalPattern("0.0##");
    chart.getStyler().setXAxisDecimalPattern("#,##0");
    if (!ofSteps.isEmpty()) {
      var train = chart.addSeries("training", steps, ofSteps);
      train.setMarker(SeriesMarkers.NONE).setLineColor(new Color(0x4c78a8)).setLineWidth(1.5f);
    }
    if (!heldOut.isEmpty()) {
      var held = chart.addSeries("held-out", evaluationSteps, heldOut);
      held.setMarker(SeriesMarkers.CIRCLE).setLineColor(new Color(0xe45756));
      held.setMarkerColor(new Color(0xe45756)).setLineWidth(2f);
    }
    return chart;
  }

  /** Draws the chart of the loss into a PNG file, written aside and renamed. */
  public void savePng(String title, Path file) {
    savePng(chart(title), file);
  }

  /** Draws the chart of a further figure into a PNG file, written aside and renamed. */
  public void savePng(String title, String name, Path file) {
    savePng(chart(title, name), file);
  }

  private static void savePng(XYChart chart, Path file) {
    Path aside = file.resolveSibling(file.getFileName() + ".part");
    try {
      Files.write(aside, BitmapEncoder.getBitmapBytes(chart, BitmapEncoder.BitmapFormat.PNG));
      Files.move(aside, file, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new DogeException(
          "Cannot write the plot " + file + " (" + e.getMessage() + "); choose another folder", e);
    }
  }
}
