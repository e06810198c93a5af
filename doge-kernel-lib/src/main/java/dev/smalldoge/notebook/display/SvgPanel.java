package dev.smalldoge.notebook.display;

import java.util.Locale;

/**
 * A small line chart inside an SVG picture.
 *
 * <p>Its colours have a contrast above 3 on white and on black, and the ground is transparent: one
 * picture for light and dark notebooks.
 */
final class SvgPanel {
  static final String TRAIN = "#2f81d8";
  static final String EVAL = "#d9730d";
  static final String EXPECTED = "#8a8a8a";
  private static final String TEXT = "#7d7d7d";
  private static final int TICKS = 4;

  private final StringBuilder svg;
  private final double left;
  private final double top;
  private final double width;
  private final double height;
  private final double maxX;
  private final double minY;
  private final double maxY;

  /** A panel at the given place, in pixels, for x from 0 to {@code maxX}. */
  SvgPanel(
      StringBuilder svg,
      double left,
      double top,
      double width,
      double height,
      double maxX,
      double minY,
      double maxY) {
    this.svg = svg;
    this.left = left;
    this.top = top;
    this.width = width;
    this.height = height;
    this.maxX = Math.max(1, maxX);
    double margin = maxY > minY ? (maxY - minY) * 0.05 : Math.max(Math.abs(maxY) * 0.1, 1e-9);
    this.minY = minY - margin;
    this.maxY = maxY + margin;
  }

  /** Title, frame and numbers. */
  SvgPanel axes(String title) {
    text(left, top - 5, "start", title);
    add(
        "<path d=\"M%.1f %.1fv%.1fh%.1f\" fill=\"none\" stroke=\"%s\"/>",
        left, top, height, width, TEXT);
    double tick = niceStep((maxY - minY) / TICKS);
    for (double y = Math.ceil(minY / tick) * tick; y <= maxY; y += tick) {
      add(
          "<path d=\"M%.1f %.1fh%.1f\" stroke=\"%s\" stroke-opacity=\"0.25\"/>",
          left, py(y), width, TEXT);
      text(left - 4, py(y) + 4, "end", label(y, tick));
    }
    return this;
  }

  /** Numbers of steps below the panel. */
  SvgPanel steps() {
    double tick = niceStep(maxX / TICKS);
    for (double x = 0; x <= maxX; x += tick) {
      text(px(x), top + height + 15, "middle", String.format(Locale.ROOT, "%,.0f", x));
    }
    return this;
  }

  /** A curve. */
  SvgPanel curve(Series series, String colour) {
    return curve(series, colour, "stroke-width=\"1.5\"");
  }

  /** A curve that shows on both sides of another one that is drawn over it. */
  SvgPanel band(Series series, String colour) {
    return curve(series, colour, "stroke-width=\"9\" stroke-opacity=\"0.5\"");
  }

  private SvgPanel curve(Series series, String colour, String stroke) {
    if (series.size() == 0) {
      return this;
    }
    svg.append("<polyline fill=\"none\" ").append(stroke).append(" stroke=\"").append(colour);
    svg.append("\" points=\"");
    for (int i = 0; i < series.size(); i++) {
      add("%.1f,%.1f ", px(series.x(i)), py(series.y(i)));
    }
    svg.append("\"/>");
    int last = series.size() - 1;
    add(
        "<circle r=\"2\" fill=\"%s\" cx=\"%.1f\" cy=\"%.1f\"/>",
        colour, px(series.x(last)), py(series.y(last)));
    return this;
  }

  private double px(double x) {
    return left + width * Math.min(1, x / maxX);
  }

  private double py(double y) {
    double share = (y - minY) / (maxY - minY);
    return top + height * (1 - Math.max(0, Math.min(1, share)));
  }

  private void text(double x, double y, String anchor, String text) {
    add(
        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\">%s</text>",
        x, y, anchor, TEXT, TableHtml.escape(text));
  }

  private void add(String form, Object... values) {
    svg.append(String.format(Locale.ROOT, form, values));
  }

  /** A number with as many decimals as its tick needs: 8, 0.003, 1,500, 2e-05. */
  static String label(double value, double tick) {
    if (Math.abs(value) < tick / 2) {
      return "0";
    }
    int decimals = (int) Math.max(0, -Math.floor(Math.log10(tick) + 1e-9));
    return decimals > 4
        ? String.format(Locale.ROOT, "%.0e", value)
        : String.format(Locale.ROOT, "%,." + decimals + "f", value);
  }

  /** 1, 2 or 5 times a power of ten, near {@code rough}. */
  static double niceStep(double rough) {
    double power = Math.pow(10, Math.floor(Math.log10(rough)));
    double lead = rough / power;
    return (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10) * power;
  }
}
