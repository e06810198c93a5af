package dev.smalldoge.torch;

import static dev.smalldoge.torch.TwinMath.descending;
import static dev.smalldoge.torch.TwinMath.dot;
import static dev.smalldoge.torch.TwinMath.linear;
import static dev.smalldoge.torch.TwinMath.row;
import static dev.smalldoge.torch.TwinMath.silu;
import static dev.smalldoge.torch.TwinMath.softmax;

import dev.smalldoge.config.ModelConfig;
import java.util.List;
import java.util.stream.IntStream;

/** The mixture of experts in double: every pair of keys is scored, none is pruned. */
final class TwinExperts {
  private TwinExperts() {}

  /** The E = K·K scores of each of N tokens; h (N, d) row by row, router (2K, d). */
  static double[][] scores(ModelConfig config, double[][] h, double[] router) {
    int keys = config.numKeys();
    int tokens = h.length;
    double[] flat = new double[tokens * 2 * keys];
    for (int n = 0; n < tokens; n++) {
      System.arraycopy(linear(h[n], router, null), 0, flat, n * 2 * keys, 2 * keys);
    }
    boolean legacy = config.routing() == ModelConfig.Routing.LEGACY;
    double[][] scores = new double[tokens][keys * keys];
    for (int n = 0; n < tokens; n++) {
      int first = legacy ? n * keys : n * 2 * keys;
      int second = legacy ? (tokens + n) * keys : n * 2 * keys + keys;
      for (int e = 0; e < keys * keys; e++) {
        scores[n][e] = flat[first + e / keys] + flat[second + e % keys];
      }
    }
    return scores;
  }

  static int[] chosen(ModelConfig config, double[] scores) {
    return IntStream.of(descending(scores)).limit(config.numExpertsPerTok()).toArray();
  }

  /** Σ over the chosen of softmax(score) · silu(down_e · h) · up_e for one token. */
  static double[] mixed(
      ModelConfig config, double[] h, double[] scores, double[] down, double[] up) {
    int[] chosen = chosen(config, scores);
    double[] shares = softmax(IntStream.of(chosen).mapToDouble(e -> scores[e]).toArray());
    double[] y = new double[h.length];
    for (int i = 0; i < chosen.length; i++) {
      double activity = shares[i] * silu(dot(row(down, chosen[i], h.length), h));
      for (int c = 0; c < h.length; c++) {
        y[c] += activity * up[chosen[i] * h.length + c];
      }
    }
    return y;
  }

  /**
   * E · Σ share of choices · mean probability, over the tokens of all layers that count.
   *
   * @param layers per layer (N, E) scores
   * @param counted which of the N tokens count
   */
  static double loadBalancing(ModelConfig config, List<double[][]> layers, boolean[] counted) {
    int experts = config.numExperts();
    double[] choices = new double[experts];
    double[] probabilities = new double[experts];
    double tokens = 0;
    for (double[][] scores : layers) {
      for (int n = 0; n < scores.length; n++) {
        if (!counted[n]) {
          continue;
        }
        tokens++;
        for (int e : chosen(config, scores[n])) {
          choices[e]++;
        }
        double[] probability = softmax(byOrder(config, scores[n]));
        for (int e = 0; e < experts; e++) {
          probabilities[e] += probability[e];
        }
      }
    }
    double sum = 0;
    for (int e = 0; e < experts; e++) {
      sum += choices[e] / (tokens * config.numExpertsPerTok()) * probabilities[e] / tokens;
    }
    return experts * sum;
  }

  /** The published order sorts each half's scores before it makes the pairs. */
  private static double[] byOrder(ModelConfig config, double[] scores) {
    if (config.loadBalancing() == ModelConfig.LoadBalancing.EXPERT_ORDER) {
      return scores;
    }
    int keys = config.numKeys();
    // In a grid of sums, the order of the first keys is that of column 0, and so on.
    double[] column = IntStream.range(0, keys).mapToDouble(i -> scores[i * keys]).toArray();
    double[] line = IntStream.range(0, keys).mapToDouble(j -> scores[j]).toArray();
    int[] rows = descending(column);
    int[] columns = descending(line);
    return IntStream.range(0, keys * keys)
        .mapToDouble(p -> scores[rows[p / keys] * keys + columns[p % keys]])
        .toArray();
  }
}
