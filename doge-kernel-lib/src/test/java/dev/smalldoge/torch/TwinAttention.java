package dev.smalldoge.torch;

import static dev.smalldoge.torch.TwinMath.descending;
import static dev.smalldoge.torch.TwinMath.dot;
import static dev.smalldoge.torch.TwinMath.linear;
import static dev.smalldoge.torch.TwinMath.rmsNorm;
import static dev.smalldoge.torch.TwinMath.rotate;
import static dev.smalldoge.torch.TwinMath.row;
import static dev.smalldoge.torch.TwinMath.softmax;
import static dev.smalldoge.torch.TwinMath.softplus;

import dev.smalldoge.config.ModelConfig;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;

/** One row of dynamic mask attention in double, query by query and key by key. */
final class TwinAttention {
  private final ModelConfig config;
  private final Map<String, double[]> weights;
  private final String layer;
  private final int batchRow;
  private final DoubleTwin.Visibility visibility;
  private final double[][] q;
  private final double[][] k;
  private final double[][] v;
  private final double[][] bias;

  /** x holds one vector of width d for each of T tokens. */
  TwinAttention(
      ModelConfig config,
      Map<String, double[]> weights,
      String layer,
      int batchRow,
      double[][] x,
      DoubleTwin.Visibility visibility) {
    this.config = config;
    this.weights = weights;
    this.layer = layer;
    this.batchRow = batchRow;
    this.visibility = visibility;
    double theta = DoubleTwin.theta(config, x.length);
    q = new double[x.length][];
    k = new double[x.length][];
    v = new double[x.length][];
    bias = new double[x.length][];
    for (int t = 0; t < x.length; t++) {
      double[] h =
          rmsNorm(x[t], weights.get(layer + "input_layernorm.weight"), config.rmsNormEps());
      q[t] = positioned(project("q_proj", h), weight("q_norm.weight"), t, theta);
      k[t] = positioned(project("k_proj", h), weight("k_norm.weight"), t, theta);
      v[t] = project("v_proj", h);
      double[] dt = project("dt_proj", v[t]);
      double[] a = weight("A");
      bias[t] = IntStream.range(0, a.length).mapToDouble(g -> biasOf(dt[g], a[g])).toArray();
    }
  }

  private static double biasOf(double dt, double a) {
    return Math.exp(a * softplus(dt));
  }

  private double[] weight(String name) {
    return weights.get(layer + "self_attn." + name);
  }

  private double[] project(String name, double[] x) {
    return linear(x, weight(name + ".weight"), weight(name + ".bias"));
  }

  private double[] positioned(double[] heads, double[] norm, int position, double theta) {
    double[] result = new double[heads.length];
    int width = config.headDim();
    for (int head = 0; head < heads.length / width; head++) {
      double[] normed = rmsNorm(row(heads, head, width), norm, config.rmsNormEps());
      System.arraycopy(rotate(normed, position, theta), 0, result, head * width, width);
    }
    return result;
  }

  /** The output projection of what query t reads. */
  double[] attended(int t) {
    int width = config.headDim();
    double[] merged = new double[config.hiddenSize()];
    for (int head = 0; head < config.numAttentionHeads(); head++) {
      int group = head * config.numKeyValueHeads() / config.numAttentionHeads();
      int[] keys = keysOf(t, group);
      double[] scores = new double[keys.length];
      double[] query = row(q[t], head, width);
      for (int i = 0; i < keys.length; i++) {
        double similarity = dot(query, row(k[keys[i]], group, width)) / Math.sqrt(width);
        scores[i] = similarity + bias[keys[i]][group];
      }
      // A query without any key (padding before the first token) reads all alike, as the source.
      double[] shares = keys.length > 0 ? softmax(scores) : alike();
      int[] read = keys.length > 0 ? keys : IntStream.range(0, k.length).toArray();
      for (int i = 0; i < read.length; i++) {
        for (int c = 0; c < width; c++) {
          merged[head * width + c] += shares[i] * v[read[i]][group * width + c];
        }
      }
    }
    return project("o_proj", merged);
  }

  private double[] alike() {
    double[] shares = new double[k.length];
    Arrays.fill(shares, 1.0 / k.length);
    return shares;
  }

  /**
   * The keys that query t sees, and of these the keepWindowSize with the largest biases, of equal
   * ones the later.
   */
  private int[] keysOf(int t, int group) {
    int reach = config.slidingWindow() == 0 ? k.length : config.slidingWindow();
    int[] seen =
        IntStream.rangeClosed(0, t)
            .map(key -> t - key)
            .filter(key -> key > t - reach && visibility.sees(batchRow, t, key))
            .toArray();
    if (k.length <= config.keepWindowSize()) {
      return seen;
    }
    double[] biases = IntStream.of(seen).mapToDouble(key -> bias[key][group]).toArray();
    return IntStream.of(descending(biases))
        .limit(config.keepWindowSize())
        .map(i -> seen[i])
        .toArray();
  }
}
