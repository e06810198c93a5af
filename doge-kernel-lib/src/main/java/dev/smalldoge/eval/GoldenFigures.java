package dev.smalldoge.eval;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.optim.WarmupStableDecay;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Our own figures for a golden case, by their names in its file: forward pass, gradients, a padded
 * batch, and the short run. What the case has no inputs for is left out.
 */
final class GoldenFigures {
  private static final double PEAK = 3e-3;
  private static final int WARMUP = 3;
  private static final int DECAY = 4;

  private final GoldenCase golden;
  private final ModelConfig config;
  private final int roundings;
  private final boolean balances;
  private final Map<String, double[]> figures = new LinkedHashMap<>();

  private GoldenFigures(GoldenCase golden, ModelConfig config, int roundings) {
    this.golden = golden;
    this.config = config;
    this.roundings = roundings;
    this.balances = config.isMoe() && golden.has("aux_loss");
  }

  /**
   * Computes all of them.
   *
   * @param roundings how far every weight starts from the file's: 0, or ±1 for the next float up
   *     and down by turns, or down and up
   */
  static Map<String, double[]> compute(GoldenCase golden, ModelConfig config, int roundings) {
    return new GoldenFigures(golden, config, roundings).compute();
  }

  private Map<String, double[]> compute() {
    try (DogeForCausalLm model = model()) {
      forward(model);
      if (golden.has("padded.input_ids")) {
        padded(model);
      }
      backward(model);
    }
    if (golden.has("train.input_ids.0")) {
      train();
    }
    return figures;
  }

  private DogeForCausalLm model() {
    DogeForCausalLm model = golden.model(config);
    if (roundings != 0) {
      model.weights().byName().values().forEach(this::nudge);
    }
    return model;
  }

  private void nudge(Tensor weight) {
    float[] values = weight.toFloats();
    for (int i = 0; i < values.length; i++) {
      int away = (i % 2 == 0 ? 1 : -1) * roundings;
      values[i] = away > 0 ? Math.nextUp(values[i]) : Math.nextDown(values[i]);
    }
    try (Tensor moved = golden.operations().floats(values, weight.shape())) {
      golden.operations().copyInto(weight, moved);
    }
  }

  private void forward(DogeForCausalLm model) {
    try (TensorScope scope = new TensorScope()) {
      long[][] ids = golden.ids("input_ids", 2);
      ModelInput input = golden.input("input_ids");
      put("logits", model.logits(input));
      double loss = model.loss(input, input.inputIds()).item() / GoldenCase.counted(ids);
      if (balances) {
        double aux = model.auxLoss(input).item();
        figures.put("aux_loss", new double[] {aux});
        loss += config.routerAuxLossCoef() * aux;
      }
      figures.put("loss", new double[] {loss});
    }
  }

  private void padded(DogeForCausalLm model) {
    try (TensorScope scope = new TensorScope()) {
      long[][] ids = golden.ids("padded.input_ids", 2);
      long[][] mask = golden.mask("padded.attention_mask", ids);
      long[][] labels = golden.labels("padded.labels", ids);
      ModelInput input = ModelInput.padded(golden.operations(), ids, mask);
      figures.put("padded.logits", zeroAtPadding(widen(model.logits(input)), mask));
      double nats = model.loss(input, golden.tensor(labels)).item();
      figures.put("padded.loss", new double[] {nats / GoldenCase.counted(labels)});
    }
  }

  /** The golden file holds zeros for the positions of padding tokens. */
  private double[] zeroAtPadding(double[] logits, long[][] mask) {
    long[] kept = Arrays.stream(mask).flatMapToLong(Arrays::stream).toArray();
    for (int i = 0; i < logits.length; i++) {
      logits[i] = kept[i / config.vocabSize()] == 0 ? 0 : logits[i];
    }
    return logits;
  }

  private void backward(DogeForCausalLm model) {
    model.weights().train(name -> true);
    try (TensorScope scope = new TensorScope()) {
      step(model, "input_ids");
      model.weights().gradients().forEach((n, g) -> put("grad." + n, g));
    }
  }

  /** Backward over one batch; the loss with its load-balancing part. */
  private double step(DogeForCausalLm model, String name) {
    long[][] ids = golden.ids(name, 2);
    double auxCoefficient = balances ? config.routerAuxLossCoef() : 0;
    double counted = GoldenCase.counted(ids);
    DogeForCausalLm.Loss loss =
        model.backward(golden.input(name), golden.tensor(ids), 1 / counted, auxCoefficient);
    double aux = loss.auxLoss() == null ? 0 : auxCoefficient * loss.auxLoss().item();
    return loss.nats().item() / counted + aux;
  }

  private void train() {
    int steps = golden.doubles("train.loss").length;
    check(
        steps >= WARMUP + DECAY,
        "train.loss of %s has %d steps; a run has at least %d, warm-up %d and decay %d",
        golden.folder(),
        steps,
        WARMUP + DECAY,
        WARMUP,
        DECAY);
    double[] rates = new double[steps];
    double[] losses = new double[steps];
    double[] norms = new double[steps];
    var schedule = new WarmupStableDecay(PEAK, WARMUP, steps - WARMUP - DECAY, DECAY, 0);
    try (DogeForCausalLm model = model();
        TensorScope all = new TensorScope()) {
      model.weights().train(name -> true);
      step(model, "input_ids"); // the reference's first update still holds that batch's gradients
      try (AdamW optimizer = new AdamW(model.weights(), AdamW.Settings.PRETRAINING, name -> true)) {
        for (int i = 0; i < steps; i++) {
          try (TensorScope scope = new TensorScope()) {
            losses[i] = step(model, "train.input_ids." + i);
            rates[i] = schedule.at(i);
            norms[i] = optimizer.update(rates[i]).item();
          }
        }
      }
      figures.put("train.lr", rates);
      figures.put("train.loss", losses);
      figures.put("train.grad_norm", norms);
      model.weights().byName().forEach((n, w) -> put("trained." + n, w));
    }
  }

  private void put(String name, Tensor values) {
    figures.put(name, widen(values));
  }

  private static double[] widen(Tensor tensor) {
    float[] values = tensor.toFloats();
    double[] wide = new double[values.length];
    Arrays.setAll(wide, i -> values[i]);
    return wide;
  }
}
