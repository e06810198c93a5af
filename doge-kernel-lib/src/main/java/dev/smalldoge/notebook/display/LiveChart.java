package dev.smalldoge.notebook.display;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import dev.smalldoge.train.TrainingListener;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.function.LongSupplier;

/**
 * The curves of a training run, updated in place about once a second: loss of training and of
 * evaluation over the expected curve in grey, learning rate, gradient norm, tokens per second.
 *
 * <p>The picture is SVG inside the output itself: no network, and it survives saving. Where nothing
 * can be shown but text, its last line is printed every ten seconds.
 *
 * <p>Example: {@code LiveChart.start("doge-20m").listener()} is a listener for a training run.
 */
public final class LiveChart implements AutoCloseable {
  private static final Duration PACE = Duration.ofSeconds(1);
  private static final Duration PACE_OF_TEXT = Duration.ofSeconds(10);
  private static final int WIDTH = 760;
  private static final int HEIGHT = 330;

  private final String title;
  private final DisplayHandle handle;
  private final LongSupplier nanoTime;
  private final Series loss = new Series();
  private final Series evalLoss = new Series();
  private final Series expected = new Series();
  private final Series learningRate = new Series();
  private final Series gradNorm = new Series();
  private final Series tokensPerSecond = new Series();
  private long nextNanos;
  private TrainingMoment last;
  private boolean isLastShown;
  private double lastEvalLoss = Double.NaN;
  private String note = "";

  LiveChart(String title, DisplayHandle handle, LongSupplier nanoTime) {
    this.title = title;
    this.handle = handle;
    this.nanoTime = nanoTime;
  }

  /**
   * Shows an empty chart, which {@link #add} fills, over the expected curve of the recipe {@code
   * title} where one is kept.
   */
  public static LiveChart start(String title) {
    DisplayHandle handle = Displays.show(Rendering.text(title + ": waiting for the first step"));
    LiveChart chart = new LiveChart(title, handle, System::nanoTime);
    ExpectedLoss.of(title).forEach(point -> chart.expected.add(point.step(), point.loss()));
    return chart;
  }

  /**
   * Draws the loss that the recipe should reach, in grey: {@code losses[i]} at {@code steps[i]}.
   */
  public LiveChart expect(double[] steps, double[] losses) {
    for (int i = 0; i < Math.min(steps.length, losses.length); i++) {
      expected.add(steps[i], losses[i]);
    }
    return this;
  }

  /** Takes the moment; shows it if the last update is a second ago. */
  public void add(TrainingMoment moment) {
    boolean isFirst = last == null;
    last = moment;
    double step = (double) moment.step();
    loss.add(step, moment.loss());
    evalLoss.add(step, moment.evalLoss());
    learningRate.add(step, moment.learningRate());
    gradNorm.add(step, moment.gradNorm());
    tokensPerSecond.add(step, moment.tokensPerSecond());
    if (!Double.isNaN(moment.evalLoss())) {
      lastEvalLoss = moment.evalLoss();
    }
    show(isFirst);
  }

  /** Takes an evaluation that was done after {@code step} updates; the next moment shows it. */
  public void addEvaluation(long step, double loss) {
    evalLoss.add((double) step, loss);
    lastEvalLoss = loss;
  }

  /** A listener that draws a training run here as it goes. */
  public TrainingListener listener() {
    return new ChartListener(this, DeviceMemory::usedBytes);
  }

  private void show(boolean isFirst) {
    long now = nanoTime.getAsLong();
    isLastShown = isFirst || now - nextNanos >= 0;
    if (isLastShown) {
      nextNanos = now + (handle.isRich() ? PACE : PACE_OF_TEXT).toNanos();
      handle.update(rendering());
    }
  }

  /** Shows the last moment for good, with a word on how the run ended. */
  void close(String newNote) {
    note = "  " + newNote;
    close();
  }

  /** Shows the last moment for good. */
  @Override
  public void close() {
    if (last != null && (handle.isRich() || !isLastShown || !note.isEmpty())) {
      handle.update(rendering());
    }
  }

  /** The chart as it stands; its text is the last line. */
  public Rendering rendering() {
    if (last == null) {
      return Rendering.text(title);
    }
    String text = line();
    String image = Base64.getEncoder().encodeToString(svg().getBytes(StandardCharsets.UTF_8));
    // an image by data URI passes the filters that drop svg elements from notebooks of others
    return Rendering.html(
        "<div><img alt=\""
            + TableHtml.escape(title)
            + "\" width=\""
            + WIDTH
            + "\" src=\"data:image/svg+xml;base64,"
            + image
            + "\"/><br/><code style=\"font-size:85%\">"
            + TableHtml.escape(text)
            + "</code></div>",
        title + ": " + text);
  }

  /** The last moment, with the last evaluation loss whenever that was. */
  private String line() {
    return new TrainingMoment(
                last.step(),
                last.maxSteps(),
                last.loss(),
                lastEvalLoss,
                last.learningRate(),
                last.gradNorm(),
                last.tokensPerSecond(),
                last.memoryBytes(),
                last.remaining())
            .line()
        + note;
  }

  /** The curves as an SVG picture. */
  String svg() {
    StringBuilder svg = new StringBuilder();
    svg.append("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ");
    svg.append(WIDTH).append(' ').append(HEIGHT);
    svg.append("\" font-family=\"sans-serif\" font-size=\"11\">");
    double min = Math.min(Math.min(loss.min(), evalLoss.min()), expected.min());
    double max = Math.max(Math.max(loss.max(), evalLoss.max()), expected.max());
    new SvgPanel(svg, 45, 40, 420, 260, last.maxSteps(), min, max)
        .axes("loss, nats")
        .steps()
        .band(expected, SvgPanel.EXPECTED)
        .curve(loss, SvgPanel.TRAIN)
        .curve(evalLoss, SvgPanel.EVAL);
    legend(svg);
    small(svg, 40, "learningRate", learningRate);
    small(svg, 135, "gradNorm", gradNorm);
    small(svg, 230, "tokens/s", tokensPerSecond).steps();
    return svg.append("</svg>").toString();
  }

  private SvgPanel small(StringBuilder svg, double top, String name, Series series) {
    boolean isEmpty = series.size() == 0;
    return new SvgPanel(
            svg,
            540,
            top,
            210,
            70,
            last.maxSteps(),
            isEmpty ? 0 : Math.min(0, series.min()),
            isEmpty ? 1 : series.max())
        .axes(name)
        .curve(series, SvgPanel.TRAIN);
  }

  private void legend(StringBuilder svg) {
    String heading = TableHtml.escape(title);
    svg.append("<text x=\"45\" y=\"16\" font-weight=\"bold\" fill=\"#7d7d7d\">");
    svg.append(heading).append("</text>");
    double x = 300;
    String[][] entries = {
      {"train", SvgPanel.TRAIN}, {"eval", SvgPanel.EVAL}, {"expected", SvgPanel.EXPECTED}
    };
    Series[] curves = {loss, evalLoss, expected};
    for (int i = 0; i < entries.length; i++) {
      if (curves[i].size() > 0) {
        x = legend(svg, x, "— " + entries[i][0], entries[i][1]);
      }
    }
    if (expected.size() == 0) {
      legend(svg, x, "no expected curve", SvgPanel.EXPECTED);
    }
  }

  @CanIgnoreReturnValue
  private static double legend(StringBuilder svg, double x, String text, String colour) {
    svg.append("<text y=\"35\" x=\"").append(x).append("\" fill=\"").append(colour);
    svg.append("\">").append(text).append("</text>");
    return x + 50;
  }
}
