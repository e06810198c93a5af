package dev.smalldoge.eval;

import static dev.smalldoge.config.Checks.check;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.DoubleStream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.markers.SeriesMarkers;
import tech.tablesaw.api.DoubleColumn;
import tech.tablesaw.api.StringColumn;
import tech.tablesaw.api.Table;

/**
 * Published rules for the peak learning rate and the batch of a pre-training run, from N parameters
 * (embeddings not counted), D training tokens and the loss L that is aimed at.
 *
 * <p>Source: small-doge's {@code scaling_law}, which takes the constants from the papers named at
 * each. Its 2e18 for OpenAI's batch is a slip for the paper's 2e8.
 *
 * <p>Example: {@code ScalingLaw.table(4.7e6, 4e9, 2.6)}.
 */
public enum ScalingLaw {
  /** Learning rate 3.239e-3 − 1.395e-4 · ln N; batch 2e8 / L^4.7619. arXiv:2001.08361. */
  OPENAI {
    @Override
    public double learningRate(double parameters, double tokens) {
      return 3.239e-3 - 1.395e-4 * Math.log(parameters);
    }

    @Override
    public OptionalDouble batchTokens(double parameters, double tokens, double loss) {
      return OptionalDouble.of(2e8 * Math.pow(loss, -4.7619));
    }
  },
  /** Learning rate 1.3192 · e^−5 · N^−0.23 · D^−0.32; no batch. arXiv:2409.19913. */
  MICROSOFT {
    @Override
    public double learningRate(double parameters, double tokens) {
      return 1.3192 * Math.exp(-5) * Math.pow(parameters, -0.23) * Math.pow(tokens, -0.32);
    }

    @Override
    public OptionalDouble batchTokens(double parameters, double tokens, double loss) {
      return OptionalDouble.empty();
    }
  },
  /** Learning rate 3.7 · N^−0.36; batch 0.7576 · N^0.703. arXiv:2406.19146. */
  PORIAN {
    @Override
    public double learningRate(double parameters, double tokens) {
      return 3.7 * Math.pow(parameters, -0.36);
    }

    @Override
    public OptionalDouble batchTokens(double parameters, double tokens, double loss) {
      return OptionalDouble.of(0.7576 * Math.pow(parameters, 0.703));
    }
  },
  /** Learning rate 1.79 · N^−0.713 · D^0.307; batch 0.58 · D^0.571. arXiv:2503.04715. */
  STEP_LAW {
    @Override
    public double learningRate(double parameters, double tokens) {
      return 1.79 * Math.pow(parameters, -0.713) * Math.pow(tokens, 0.307);
    }

    @Override
    public OptionalDouble batchTokens(double parameters, double tokens, double loss) {
      return OptionalDouble.of(0.58 * Math.pow(tokens, 0.571));
    }
  };

  /** Peak learning rate per update. */
  public abstract double learningRate(double parameters, double tokens);

  /** Tokens of one update, where the rule says it. */
  public abstract OptionalDouble batchTokens(double parameters, double tokens, double loss);

  /** What each rule says, a row a rule; a missing value where it says nothing. */
  public static Table table(double parameters, double tokens, double loss) {
    requirePositive(parameters, tokens, loss);
    StringColumn laws = StringColumn.create("law");
    DoubleColumn rates = DoubleColumn.create("learningRate");
    DoubleColumn batches = DoubleColumn.create("tokensPerStep");
    for (ScalingLaw law : values()) {
      laws.append(law.toString());
      rates.append(law.learningRate(parameters, tokens));
      OptionalDouble batch = law.batchTokens(parameters, tokens, loss);
      if (batch.isPresent()) {
        batches.append(Math.rint(batch.getAsDouble()));
      } else {
        batches.appendMissing();
      }
    }
    return Table.create("scaling laws", laws, rates, batches);
  }

  /** The learning rate of each rule from a tenth to ten times so many parameters. */
  public static XYChart plot(double parameters, double tokens) {
    requirePositive(parameters, tokens, 1);
    double[] sizes =
        DoubleStream.iterate(-1, x -> x <= 1.001, x -> x + 0.05)
            .map(x -> parameters * Math.pow(10, x))
            .toArray();
    XYChart chart =
        new XYChartBuilder()
            .width(640)
            .height(360)
            .title("peak learning rate")
            .xAxisTitle("parameters without embeddings")
            .yAxisTitle("learning rate")
            .build();
    chart.getStyler().setXAxisLogarithmic(true).setYAxisLogarithmic(true);
    for (ScalingLaw law : List.of(values())) {
      double[] rates = Arrays.stream(sizes).map(n -> law.learningRate(n, tokens)).toArray();
      chart.addSeries(law.toString(), sizes, rates).setMarker(SeriesMarkers.NONE);
    }
    return chart;
  }

  private static void requirePositive(double parameters, double tokens, double loss) {
    check(parameters > 0, "%s parameters are not positive; give those of the model", parameters);
    check(tokens > 0, "%s tokens are not positive; give those of the whole run", tokens);
    check(loss > 0, "loss %s is not positive; give the nats per token that are aimed at", loss);
  }

  @Override
  public String toString() {
    return switch (this) {
      case OPENAI -> "OpenAI";
      case MICROSOFT -> "Microsoft";
      case PORIAN -> "Porian et al.";
      case STEP_LAW -> "StepLaw";
    };
  }
}
