package dev.smalldoge.torch;

import static dev.smalldoge.torch.TwinMath.linear;
import static dev.smalldoge.torch.TwinMath.logSumExp;
import static dev.smalldoge.torch.TwinMath.rmsNorm;
import static dev.smalldoge.torch.TwinMath.row;
import static dev.smalldoge.torch.TwinMath.silu;

import dev.smalldoge.config.ModelConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * A second Doge, in plain double arithmetic and plain loops, made from the definitions alone: what
 * the scripts, and their gradients by finite differences, are tested against.
 *
 * <p>Arrays are flat and row-major; B batch, T sequence, d hidden width, N = B · T tokens.
 */
public final class DoubleTwin {
  private final ModelConfig config;
  private final Map<String, double[]> weights;

  /** The twin of the weights as they are at each call. */
  public DoubleTwin(ModelConfig config, Map<String, double[]> weights) {
    this.config = config;
    this.weights = weights;
  }

  /** Which keys a query may see, besides that none is later than itself. */
  public interface Visibility {
    /** Everything earlier. */
    Visibility ALL = (row, query, key) -> true;

    /** Whether the query sees the key; both are positions in row {@code row} of the batch. */
    boolean sees(int row, int query, int key);

    /** Keys whose attention mask is not 0. */
    static Visibility unpadded(long[][] attentionMask) {
      return (row, query, key) -> attentionMask[row][key] != 0;
    }

    /** Keys of the query's own document, where {@code documents} numbers the documents. */
    static Visibility within(long[][] documents) {
      return (row, query, key) -> documents[row][query] == documents[row][key];
    }
  }

  /** The rotary base for a sequence of this length. */
  static double theta(ModelConfig config, int length) {
    double base = config.ropeTheta();
    int original = config.ropeScaling().originalMaxPositionEmbeddings();
    if (!config.ropeScaling().isDynamic() || length <= original) {
      return base;
    }
    double factor = config.ropeScaling().factor();
    double width = config.headDim();
    return base * Math.pow(factor * length / original - (factor - 1), width / (width - 2));
  }

  /** residual · x + attention(norm(x)); x and the result (B, T, d). */
  public double[] attentionBlock(
      String layer, double[] x, int batch, int length, Visibility visibility) {
    int d = config.hiddenSize();
    double[] residual = weights.get(layer + "input_residual");
    double[] y = new double[x.length];
    for (int b = 0; b < batch; b++) {
      double[][] tokens = rows(Arrays.copyOfRange(x, b * length * d, (b + 1) * length * d), d);
      TwinAttention attention = new TwinAttention(config, weights, layer, b, tokens, visibility);
      for (int t = 0; t < length; t++) {
        add(y, (b * length + t) * d, residual, tokens[t], attention.attended(t));
      }
    }
    return y;
  }

  /** residual · x + SwiGLU(norm(x)), plus the experts where there are some; x (N, d). */
  public double[] mlpBlock(String layer, double[] x) {
    double[][] h = normed(layer, x);
    double[][] tokens = rows(x, h[0].length);
    double[][] scores = config.isMoe() ? scores(layer, h) : null;
    double[] residual = weights.get(layer + "post_attention_residual");
    double[] y = new double[x.length];
    for (int n = 0; n < h.length; n++) {
      double[] branch = swiGlu(layer + "mlp.", h[n]);
      if (scores != null) {
        double[] mixed =
            TwinExperts.mixed(
                config,
                h[n],
                scores[n],
                weights.get(layer + "mlp.down_embed.weight"),
                weights.get(layer + "mlp.up_embed.weight"));
        for (int c = 0; c < mixed.length; c++) {
          branch[c] += mixed[c];
        }
      }
      add(y, n * branch.length, residual, tokens[n], branch);
    }
    return y;
  }

  private double[][] normed(String layer, double[] x) {
    double[] norm = weights.get(layer + "post_attention_layernorm.weight");
    double[][] rows = rows(x, norm.length);
    for (int n = 0; n < rows.length; n++) {
      rows[n] = rmsNorm(rows[n], norm, config.rmsNormEps());
    }
    return rows;
  }

  private double[][] scores(String layer, double[][] h) {
    return TwinExperts.scores(config, h, weights.get(layer + "mlp.router_gate.weight"));
  }

  /** The (N, E) scores of a layer's experts for its input x (N, d). */
  double[][] expertScores(String layer, double[] x) {
    return scores(layer, normed(layer, x));
  }

  private double[] swiGlu(String at, double[] h) {
    double[] gate = project(at + "gate_proj", h);
    double[] up = project(at + "up_proj", h);
    for (int i = 0; i < up.length; i++) {
      up[i] *= silu(gate[i]);
    }
    return project(at + "down_proj", up);
  }

  private double[] project(String name, double[] x) {
    return linear(x, weights.get(name + ".weight"), weights.get(name + ".bias"));
  }

  private static void add(double[] y, int at, double[] residual, double[] x, double[] branch) {
    for (int c = 0; c < branch.length; c++) {
      y[at + c] = residual[c] * x[c] + branch[c];
    }
  }

  /** Hidden states (N, d) after the final norm. */
  public double[][] hiddenStates(long[][] ids, Visibility visibility) {
    return hiddenStates(ids, visibility, new ArrayList<>());
  }

  private double[][] hiddenStates(
      long[][] ids, Visibility visibility, List<double[][]> routerScores) {
    int d = config.hiddenSize();
    double[] embedding = weights.get("model.embed_tokens.weight");
    double[] x = new double[ids.length * ids[0].length * d];
    int at = 0;
    for (long[] line : ids) {
      for (long id : line) {
        System.arraycopy(embedding, (int) id * d, x, at, d);
        at += d;
      }
    }
    for (int number = 0; number < config.numHiddenLayers(); number++) {
      String layer = "model.layers." + number + ".";
      x = attentionBlock(layer, x, ids.length, ids[0].length, visibility);
      if (config.isMoe()) {
        routerScores.add(expertScores(layer, x));
      }
      x = mlpBlock(layer, x);
    }
    double[][] hidden = rows(x, d);
    for (int n = 0; n < hidden.length; n++) {
      hidden[n] = rmsNorm(hidden[n], weights.get("model.norm.weight"), config.rmsNormEps());
    }
    return hidden;
  }

  /** Logits (N, V), flat. */
  public double[] logits(long[][] ids, Visibility visibility) {
    return logits(hiddenStates(ids, visibility), head());
  }

  private double[] head() {
    return weights.get(config.tieWordEmbeddings() ? "model.embed_tokens.weight" : "lm_head.weight");
  }

  /** hidden (N, d) times the transpose of head (V, d), flat. */
  static double[] logits(double[][] hidden, double[] head) {
    double[] logits = new double[hidden.length * head.length / hidden[0].length];
    int at = 0;
    for (double[] h : hidden) {
      double[] line = linear(h, head, null);
      System.arraycopy(line, 0, logits, at, line.length);
      at += line.length;
    }
    return logits;
  }

  /** Sum of nats of next tokens; labels as the ids, −100 not counted. */
  public double nats(long[][] ids, long[][] labels, Visibility visibility) {
    double[] logits = logits(ids, visibility);
    double nats = 0;
    int length = ids[0].length;
    for (int b = 0; b < ids.length; b++) {
      for (int t = 0; t + 1 < length; t++) {
        double[] line = row(logits, b * length + t, config.vocabSize());
        nats -= logProbability(line, labels[b][t + 1]);
      }
    }
    return nats;
  }

  /** Logarithm of the softmax of these logits at {@code label}; 0 for the label −100. */
  public static double logProbability(double[] logits, long label) {
    return label == -100 ? 0 : logits[(int) label] - logSumExp(logits);
  }

  /** The load-balancing loss over all layers, over the tokens whose attention mask is not 0. */
  public double auxLoss(long[][] ids, long[][] attentionMask, Visibility visibility) {
    List<double[][]> scores = new ArrayList<>();
    hiddenStates(ids, visibility, scores);
    boolean[] counted = new boolean[ids.length * ids[0].length];
    for (int n = 0; n < counted.length; n++) {
      counted[n] = attentionMask[n / ids[0].length][n % ids[0].length] != 0;
    }
    return TwinExperts.loadBalancing(config, scores, counted);
  }

  /** A flat array as rows of this width. */
  static double[][] rows(double[] x, int width) {
    double[][] rows = new double[x.length / width][];
    for (int n = 0; n < rows.length; n++) {
      rows[n] = row(x, n, width);
    }
    return rows;
  }
}
