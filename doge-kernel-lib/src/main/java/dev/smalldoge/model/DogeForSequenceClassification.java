package dev.smalldoge.model;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.io.WeightNames;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.ArrayList;

/**
 * A Doge that sorts texts into classes: a linear layer over the hidden state of each row's last
 * token that is not padding.
 *
 * <p>Shapes: B batch, T sequence, d hidden width, C classes ({@code numLabels}). The head is {@code
 * score.weight} (C, d), without a bias. Padding is {@code padTokenId}, on either side; a row of
 * padding alone is read at its first position.
 *
 * <p>Source: {@code DogeForSequenceClassification} of Hugging Face transformers, for single labels;
 * as there, no load-balancing loss is added.
 *
 * <p>Example: {@code new DogeForSequenceClassification(config, Weights.initializeClassifier(config,
 * operations, 233), Precision.FLOAT32)}.
 */
public final class DogeForSequenceClassification implements AutoCloseable {
  private final ModelConfig config;
  private final Weights weights;
  private final Operations operations;

  /** Embedding, layers and final norm; its head is never used. */
  private final DogeForCausalLm body;

  /**
   * A model over the given weights, which it owns from here on.
   *
   * @param weights of {@link Weights#ofClassifier} or {@link Weights#initializeClassifier}
   */
  public DogeForSequenceClassification(ModelConfig config, Weights weights, Precision precision) {
    check(
        config.numLabels() > 1,
        "numLabels %d leaves nothing to tell apart; use at least 2",
        config.numLabels());
    this.config = config;
    this.weights = weights;
    this.operations = weights.operations();
    this.body = new DogeForCausalLm(config, weights, precision);
  }

  /** The model's shape. */
  public ModelConfig config() {
    return config;
  }

  /** The master weights. */
  public Weights weights() {
    return weights;
  }

  /** Logits (B, C) of the classes, in the compute type. */
  public Tensor logits(ModelInput input) {
    try (GradMode off = GradMode.off();
        TensorScope scope = new TensorScope()) {
      return scope.keep(operations.linear(pooled(input, false), score()));
    }
  }

  /** Hidden states (B, d) of the last tokens. */
  private Tensor pooled(ModelInput input, boolean training) {
    Tensor hidden = body.hiddenStates(input, training, new ArrayList<>());
    return operations
        .head()
        .rowsAt(hidden, operations.head().lastPositions(input.inputIds(), config.padTokenId()));
  }

  private Tensor score() {
    return weights.get(WeightNames.SCORE);
  }

  /**
   * Runs forward and backward, and adds to the gradients of the trained weights.
   *
   * @param labels the class of each row, 0 to C − 1; {@link DogeForCausalLm#IGNORE_INDEX} for a row
   *     that is not trained on
   * @param scale factor of the loss's gradient: 1 / rows of the whole step
   * @return sum of nats over the rows, FLOAT64, on the device, to be closed by the caller or its
   *     scope
   * @throws dev.smalldoge.config.DogeException if there is not one label of that range for each row
   */
  public Tensor backward(ModelInput input, long[] labels, double scale) {
    checkLabels(input, labels);
    try (TensorScope scope = new TensorScope();
        GradMode on = GradMode.on()) {
      Tensor pooled = pooled(input, true);
      Tensor[] loss = loss(pooled, labels, scale);
      if (weights.gradients().size() > weights.gradientOf(WeightNames.SCORE).size()) {
        pooled.backward(loss[1]); // something before the head trains, too
      }
      return scope.keep(loss[0]);
    }
  }

  private Tensor[] loss(Tensor pooled, long[] labels, double scale) {
    try (GradMode off = GradMode.off()) {
      return operations
          .head()
          .loss(
              pooled,
              score(),
              operations.longs(labels, labels.length),
              scale,
              labels.length,
              true,
              false,
              weights.gradientOf(WeightNames.SCORE));
    }
  }

  private void checkLabels(ModelInput input, long[] labels) {
    check(
        labels.length == input.batchSize(),
        "%d labels were given for %d rows; give one label for each row",
        labels.length,
        input.batchSize());
    for (int row = 0; row < labels.length; row++) {
      check(
          labels[row] == DogeForCausalLm.IGNORE_INDEX
              || (labels[row] >= 0 && labels[row] < config.numLabels()),
          "label %d of row %d is none of the %d classes; use 0 to %d, or set numLabels",
          labels[row],
          row,
          config.numLabels(),
          config.numLabels() - 1);
    }
  }

  @Override
  public void close() {
    body.close();
  }
}
