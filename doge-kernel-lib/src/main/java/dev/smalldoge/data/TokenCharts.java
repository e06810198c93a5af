package dev.smalldoge.data;

import java.awt.Color;
import java.util.ArrayList;
import java.util.List;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.PieChart;
import org.knowm.xchart.PieChartBuilder;

/** Charts of what a token file holds. */
final class TokenCharts {
  private static final int WIDTH = 640;
  private static final int HEIGHT = 360;

  private TokenCharts() {}

  /** How many documents have 1, 2 to 3, 4 to 7, … tokens. */
  static CategoryChart lengths(DocumentRanges documents) {
    long[] counts = new long[Integer.SIZE];
    int last = 0;
    int first = Integer.SIZE;
    TokenFile file = documents.file();
    for (long i = 0; i < documents.documents(); i++) {
      long document = documents.document(i);
      long length = file.start(document + 1) - file.start(document);
      int bin = 63 - Long.numberOfLeadingZeros(length);
      counts[bin]++;
      last = Math.max(last, bin);
      first = Math.min(first, bin);
    }
    List<String> names = new ArrayList<>();
    List<Long> values = new ArrayList<>();
    for (int bin = first; bin <= last; bin++) {
      names.add(bin < 10 ? Long.toString(1L << bin) : (1L << (bin - 10)) + "k");
      values.add(counts[bin]);
    }
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title("Documents by length")
            .xAxisTitle("tokens, from this many to twice as many")
            .yAxisTitle("documents")
            .build();
    chart.getStyler().setLegendVisible(false);
    chart.getStyler().setChartBackgroundColor(Color.WHITE);
    chart.getStyler().setPlotBorderVisible(false);
    chart.getStyler().setYAxisDecimalPattern("#,##0");
    chart.addSeries("documents", names, values);
    return chart;
  }

  /** Tokens of each source that an epoch uses. */
  static PieChart shares(TokenFile file) {
    PieChart chart =
        new PieChartBuilder().width(WIDTH).height(HEIGHT).title("Tokens by source").build();
    chart.getStyler().setChartBackgroundColor(Color.WHITE);
    chart.getStyler().setPlotBorderVisible(false);
    chart.getStyler().setLegendBorderColor(Color.WHITE);
    for (SourceShare source : file.sources()) {
      double times = (double) source.used() / source.documents();
      chart.addSeries(source.name(), source.tokens() * times);
    }
    return chart;
  }
}
