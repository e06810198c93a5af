package dev.smalldoge.bench;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.Gson;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.io.WrittenAside;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Draws the curves that {@link GuardBench} has printed as rows of JSON. */
public final class GuardChart {
  private static final int WIDTH = 900;
  private static final int HEIGHT = 400;
  private static final Color BOUND = new Color(0xbbbbbb);
  private static final List<Color> COLORS =
      List.of(new Color(0x4c78a8), new Color(0xe45756), new Color(0x54a24b), new Color(0xf58518));

  private GuardChart() {}

  /** What a row holds, as {@link GuardReport} writes it. */
  private record Row(
      String bench,
      String kind,
      String name,
      List<Double> losses,
      List<Double> exactLosses,
      List<Double> gradNorms,
      List<Double> exactGradNorms) {
    boolean isFree() {
      return kind.startsWith("run by itself");
    }

    /** Per cent of the exact norm. */
    List<Double> normErrors() {
      return IntStream.range(0, gradNorms.size())
          .mapToObj(i -> 100 * (gradNorms.get(i) / exactGradNorms.get(i) - 1))
          .toList();
    }
  }

  /**
   * Losses of the runs by themselves, and below them by how much norms of gradients are off from
   * the same weights or matrices.
   *
   * @param output what {@code doge bench guard} printed
   * @param png to be written
   * @throws DogeException if there are no such rows, or the picture cannot be written
   */
  public static void draw(Path output, Path png) {
    List<Row> rows = rows(output);
    XYChart losses = chart("Runs by themselves", "loss (nats per token)", "0.0");
    XYChart norms = chart("Gradient norms", "off by (%)", "0.0#");
    rows.stream()
        .filter(Row::isFree)
        .limit(1)
        .forEach(row -> add(losses, "fp32", row.exactLosses, COLORS.get(0)));
    for (Row row : rows) {
      XYChart chart = row.isFree() ? losses : norms;
      String name =
          row.isFree() ? row.name : row.name + ", from the " + row.kind.replaceFirst(",.*", "");
      Color color = COLORS.get(chart.getSeriesMap().size() % COLORS.size());
      add(chart, name, row.isFree() ? row.losses : row.normErrors(), color);
    }
    Row first = rows.get(0);
    double bound = 100 * GuardReport.NORM_TOLERANCE;
    level(norms, "bound", bound, first.losses.size()).setLineColor(BOUND);
    level(norms, "lower bound", -bound, first.losses.size())
        .setLineColor(BOUND)
        .setShowInLegend(false);
    // where all points are equally spaced, XChart puts its ticks on them, 0, 8, 14 and so on
    level(losses, "ends", first.exactLosses.get(0), first.losses.size())
        .setLineColor(new Color(0, true))
        .setShowInLegend(false);
    WrittenAside.one(
        png,
        out ->
            BitmapEncoder.saveBitmap(
                List.of(losses, norms), 2, 1, out, BitmapEncoder.BitmapFormat.PNG));
  }

  private static List<Row> rows(Path output) {
    List<Row> rows = new ArrayList<>();
    try (Stream<String> lines = Files.lines(output)) {
      lines
          .filter(line -> line.startsWith("{\"bench\":\"guard\""))
          .forEach(line -> rows.add(new Gson().fromJson(line, Row.class)));
    } catch (IOException e) {
      throw new DogeException(
          "Cannot read " + output + " (" + e + "); give what doge bench guard printed", e);
    }
    check(
        !rows.isEmpty(),
        "%s holds no rows of the loss guard; give what doge bench guard printed",
        output);
    return rows;
  }

  private static XYChart chart(String title, String axis, String pattern) {
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .xAxisTitle("step")
            .yAxisTitle(axis)
            .build();
    chart.getStyler().setChartBackgroundColor(Color.WHITE);
    chart.getStyler().setPlotBorderVisible(false);
    chart.getStyler().setYAxisDecimalPattern(pattern);
    chart.getStyler().setXAxisDecimalPattern("#,##0");
    chart.getStyler().setLegendPosition(LegendPosition.OutsideS);
    chart.getStyler().setLegendLayout(LegendLayout.Horizontal);
    return chart;
  }

  private static XYSeries level(XYChart chart, String name, double level, double steps) {
    return line(chart, name, List.of(0.0, steps), List.of(level, level));
  }

  private static void add(XYChart chart, String name, List<Double> values, Color color) {
    List<Double> steps = IntStream.range(0, values.size()).mapToObj(i -> i + 0.5).toList();
    line(chart, name, steps, values).setLineColor(color);
  }

  private static XYSeries line(
      XYChart chart, String name, List<Double> steps, List<Double> values) {
    XYSeries series = chart.addSeries(name, steps, values);
    series.setMarker(SeriesMarkers.NONE).setLineWidth(1.2f);
    return series;
  }
}
