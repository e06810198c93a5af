package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.io.WeightNames;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The head of a language model: losses and log-probabilities of hidden states (B, T, d), and their
 * gradients at once, by chunks of tokens, so that the logits of all are never there.
 */
final class LanguageModelHead {
  private static final long CHUNK_BYTES = 128L << 20;

  private final ModelConfig config;
  private final Weights weights;
  private final Operations operations;
  private final String name;

  LanguageModelHead(ModelConfig config, Weights weights) {
    this.config = config;
    this.weights = weights;
    this.operations = weights.operations();
    this.name = config.tieWordEmbeddings() ? WeightNames.EMBEDDING : WeightNames.HEAD;
  }

  /** The matrix (V, d), tied or not. */
  Tensor weight() {
    return weights.get(name);
  }

  /**
   * Nats of all counted labels, the gradient of the hidden states, and the hits.
   *
   * @param labels INT64 (B, T), as the ids
   * @param gradients whether there are gradients; else the second is null
   * @param hits whether hits are counted; else the third is null
   */
  Tensor[] loss(Tensor hidden, Tensor labels, double scale, boolean gradients, boolean hits) {
    try (GradMode off = GradMode.off()) {
      Tensor[] loss =
          operations
              .head()
              .loss(
                  flat(hidden),
                  weight(),
                  operations.head().nextLabels(labels),
                  scale,
                  chunk(),
                  gradients,
                  hits,
                  gradients ? weights.gradientOf(name) : List.of());
      Tensor gradient = gradients ? operations.view(loss[1], hidden.shape()) : null;
      return new Tensor[] {loss[0], gradient, hits ? loss[2] : null};
    }
  }

  /** Log-probability (N), FLOAT32, of the next label; 0 where there is none. */
  Tensor logProbabilities(Tensor hidden, Tensor labels) {
    try (GradMode off = GradMode.off()) {
      return operations
          .head()
          .logProbabilities(flat(hidden), weight(), operations.head().nextLabels(labels), chunk());
    }
  }

  /**
   * The gradient of the hidden states of a loss over log-probabilities.
   *
   * @param derivative from log-probabilities to the loss's derivative by each
   */
  Tensor through(Tensor hidden, Tensor labels, UnaryOperator<Tensor> derivative) {
    try (GradMode off = GradMode.off()) {
      Tensor found = logProbabilities(hidden, labels);
      Tensor gradient =
          operations
              .head()
              .logProbabilitiesBackward(
                  flat(hidden),
                  weight(),
                  operations.head().nextLabels(labels),
                  derivative.apply(found),
                  chunk(),
                  weights.gradientOf(name));
      return operations.view(gradient, hidden.shape());
    }
  }

  private Tensor flat(Tensor hidden) {
    return operations.view(hidden, -1, config.hiddenSize());
  }

  private int chunk() {
    return (int) Math.max(64, CHUNK_BYTES / (4L * config.vocabSize()));
  }
}
