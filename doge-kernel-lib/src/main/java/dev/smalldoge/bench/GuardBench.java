package dev.smalldoge.bench;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.Gson;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.Weights;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * The loss guard: the same run in FLOAT32, in BFLOAT16, and in BFLOAT16 with the fused kernels, on
 * the bytes of a text, step by step. Losses must stay within 2e-3 relative of FLOAT32's and
 * gradient norms within 1 %, in the mean over windows of 20 steps.
 */
public final class GuardBench {
  private static final int WINDOW = 20;
  private static final double LOSS_TOLERANCE = 2e-3;
  private static final double NORM_TOLERANCE = 1e-2;

  private GuardBench() {}

  /** One run's figures, a value a step. */
  private static final class Run {
    final double[] losses;
    final double[] norms;

    Run(int steps) {
      losses = new double[steps];
      norms = new double[steps];
    }
  }

  /** Runs all three and prints what they differ by; whether both BFLOAT16 runs hold. */
  public static boolean run(
      Device device, String size, int microBatchSize, int length, int steps, Path text) {
    ModelConfig config = TrainBench.config(size);
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    check(bytes.length > length, "%s is shorter than one sequence; give a longer text", text);
    Batches batches = new Batches(bytes, microBatchSize, length);
    Run exact = train(config, device, Precision.FLOAT32, false, steps, batches);
    boolean holds = true;
    for (boolean fuse : new boolean[] {false, true}) {
      Run narrow = train(config, device, Precision.BFLOAT16, fuse, steps, batches);
      holds &= compare(fuse ? "bf16 fused" : "bf16", exact, narrow);
    }
    return holds;
  }

  /** Seeded rows of a text's bytes. */
  private static final class Batches {
    final byte[] text;
    final int rows;
    final int length;

    Batches(byte[] text, int rows, int length) {
      this.text = text;
      this.rows = rows;
      this.length = length;
    }

    long[][] at(int step) {
      SplittableRandom random = new SplittableRandom(233 + step);
      long[][] ids = new long[rows][length];
      for (long[] row : ids) {
        int start = random.nextInt(text.length - length);
        for (int i = 0; i < length; i++) {
          row[i] = 3L + (text[start + i] & 0xff);
        }
      }
      return ids;
    }
  }

  private static Run train(
      ModelConfig config,
      Device device,
      Precision precision,
      boolean fuse,
      int steps,
      Batches batches) {
    Operations operations = Operations.on(device);
    Run run = new Run(steps);
    double counted = batches.rows * (batches.length - 1.0);
    try (TensorScope all = new TensorScope();
        DogeForCausalLm model =
            new DogeForCausalLm(config, Weights.initialize(config, operations, 233), precision)) {
      model.fuse(fuse);
      model.weights().train(name -> true);
      try (AdamW optimizer = new AdamW(model.weights(), AdamW.Settings.PRETRAINING)) {
        for (int step = 0; step < steps; step++) {
          try (TensorScope scope = new TensorScope()) {
            ModelInput input = ModelInput.of(operations, batches.at(step));
            Tensor nats = model.backward(input, input.inputIds(), 1 / counted, 0).nats();
            double rate = 1e-3 * Math.min(1, (step + 1) / 20.0);
            run.norms[step] = optimizer.update(rate).item();
            run.losses[step] = nats.item() / counted;
          }
        }
      }
    }
    return run;
  }

  private static boolean compare(String name, Run exact, Run narrow) {
    double lossError = worst(exact.losses, narrow.losses);
    double normError = worst(exact.norms, narrow.norms);
    int last = exact.losses.length - 1;
    System.out.printf(
        Locale.ROOT,
        "%-12s loss %.4f -> %.4f (fp32 %.4f), worst relative difference %.2e (at most %.0e);"
            + " gradNorm %.2e (at most %.0e)%n",
        name,
        narrow.losses[0],
        narrow.losses[last],
        exact.losses[last],
        lossError,
        LOSS_TOLERANCE,
        normError,
        NORM_TOLERANCE);
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("bench", "guard");
    row.put("name", name);
    row.put("lossError", lossError);
    row.put("gradNormError", normError);
    row.put("losses", narrow.losses);
    row.put("exactLosses", exact.losses);
    row.put("gradNorms", narrow.norms);
    row.put("exactGradNorms", exact.norms);
    System.out.println(new Gson().toJson(row));
    return lossError <= LOSS_TOLERANCE && normError <= NORM_TOLERANCE;
  }

  /** The worst relative difference of the two curves' window means. */
  private static double worst(double[] exact, double[] narrow) {
    double worst = 0;
    for (int start = 0; start + WINDOW <= exact.length; start += WINDOW) {
      double a = 0;
      double b = 0;
      for (int i = start; i < start + WINDOW; i++) {
        a += exact[i];
        b += narrow[i];
      }
      worst = Math.max(worst, Math.abs(a - b) / a);
    }
    return worst;
  }
}
