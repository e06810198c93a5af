package dev.smalldoge.config;

import static dev.smalldoge.config.Checks.check;

/**
 * The loss of direct preference optimisation.
 *
 * <p>With r the log-ratio of policy to reference model of an answer, and m = r(chosen) −
 * r(rejected): {@code SIGMOID} is −(1 − s) log σ(beta · m) − s log σ(−beta · m) with s the label
 * smoothing; {@code IPO} is (m − 1 / (2 beta))² with r per token of its answer, as TRL has it.
 *
 * <p>Source: arXiv:2305.18290, arXiv:2310.12036.
 *
 * @param form which of both
 * @param beta how strongly a departure from the reference model counts, above 0
 * @param labelSmoothing probability that a pair is the wrong way round, in [0, 0.5); 0 for IPO
 */
public record PreferenceLoss(Form form, double beta, double labelSmoothing) {
  /** The forms of the loss. */
  public enum Form {
    /** Logistic, of the original paper. */
    SIGMOID,
    /** Squared, which does not push margins without end. */
    IPO
  }

  /** That of the recipes: sigmoid with beta 0.1. */
  public static final PreferenceLoss DEFAULT = new PreferenceLoss(Form.SIGMOID, 0.1, 0);

  /** Checks the ranges. */
  public PreferenceLoss {
    check(beta > 0 && Double.isFinite(beta), "beta %s is not positive; use 0.1", beta);
    check(
        labelSmoothing >= 0 && labelSmoothing < 0.5,
        "label_smoothing %s is outside [0, 0.5); use 0",
        labelSmoothing);
    check(
        form == Form.SIGMOID || labelSmoothing == 0,
        "label_smoothing %s goes with the sigmoid loss alone; use 0 with ipo",
        labelSmoothing);
  }
}
