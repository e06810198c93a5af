package dev.smalldoge.bench;

import com.google.gson.Gson;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.model.Weights;
import dev.smalldoge.optim.AdamW;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.FusedAttention;
import dev.smalldoge.torch.FusedAttention.Attended;
import dev.smalldoge.torch.FusedAttention.FoldWeights;
import dev.smalldoge.torch.FusedAttention.Folded;
import dev.smalldoge.torch.FusedAttention.Positions;
import dev.smalldoge.torch.FusedExperts;
import dev.smalldoge.torch.FusedExperts.Choice;
import dev.smalldoge.torch.FusedExperts.ExpertWeights;
import dev.smalldoge.torch.FusedExperts.Room;
import dev.smalldoge.torch.FusedHead.Found;
import dev.smalldoge.torch.FusedKernels;
import dev.smalldoge.torch.FusedKernels.Normed;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Times every operation of the fused training step alone, at the shapes of one model, with the
 * bandwidth or arithmetic it reached and its share of a step: where the time goes.
 */
public final class KernelsBench {
  private static final int LENGTH = 2_048;
  private static final int WARM_UP = 3;
  private static final int REPEATS = 20;
  private static final int CHUNK = 8_192;

  /**
   * An operation, the bytes and the arithmetic it cannot do without, and how often a step runs it.
   */
  private record Row(String name, double times, double bytes, double flops, Runnable operation) {}

  private final Operations operations;
  private final FusedKernels kernels;
  private final ModelConfig config;
  private final int n;
  private final int batch;
  private final int d;
  private final int width;
  private final int keyWidth;
  private final int all;
  private final int inner;
  private final List<Row> rows = new ArrayList<>();

  private KernelsBench(Device device, ModelConfig config, int batch) {
    this.operations = Operations.on(device);
    this.config = config;
    this.batch = batch;
    this.n = batch * LENGTH;
    this.d = config.hiddenSize();
    this.width = config.numAttentionHeads() * config.headDim();
    this.keyWidth = config.numKeyValueHeads() * config.headDim();
    this.all = width + 2 * keyWidth;
    this.inner = config.intermediateSize();
    this.kernels =
        FusedKernels.of(
                operations,
                new FusedKernels.Shape(
                    d,
                    config.numAttentionHeads(),
                    config.numKeyValueHeads(),
                    config.isMoe() ? config.numKeys() : 0,
                    config.isMoe() ? config.numExpertsPerTok() : 0))
            .orElseThrow(() -> new DogeException("the fused kernels need a GPU; use --device gpu"));
  }

  /** Prints a table for each size. */
  public static void run(Device device, List<String> sizes, int microBatchSize) {
    for (String size : sizes) {
      try (TensorScope scope = new TensorScope();
          GradMode off = GradMode.off()) {
        KernelsBench bench = new KernelsBench(device, TrainBench.config(size), microBatchSize);
        bench.layer();
        bench.kernels.experts().ifPresent(bench::experts);
        bench.head();
        bench.optimizer();
        bench.print(size);
      }
    }
  }

  private Tensor random(long... shape) {
    return operations.cast(operations.normal(1, shape), DType.BFLOAT16);
  }

  private Tensor wide(long... shape) {
    return operations.normal(0.1, shape);
  }

  private void add(String name, double times, double bytes, double flops, Runnable operation) {
    rows.add(new Row(name, times, bytes, flops, operation));
  }

  private void layer() {
    final int layers = config.numHiddenLayers();
    Tensor x = random(n, d);
    Tensor y = random(n, d);
    Tensor z = random(n, d);
    Tensor vector = wide(d);
    Normed normed = new Normed(random(n, d), random(n, d), wide(n));
    double row = 2.0 * n * d;
    Runnable addNorm = () -> kernels.addNorm(x, vector, y, vector, normed, n, 1e-6);
    add("add, norm", 2 * layers, 4 * row, 0, addNorm);
    add(
        "add, norm: backward",
        2 * layers,
        4 * row,
        0,
        () -> kernels.addNormBackward(x, y, vector, normed, vector, z, vector, vector, n));
    products("q, k, v", d, all, layers);
    products("attention out", width, d, layers);
    products("gate, up", d, 2 * inner, layers);
    products("down", inner, d, layers);
    Tensor both = random(n, 2L * inner);
    Tensor product = random(n, inner);
    double wideRow = 2.0 * n * inner;
    add("SwiGLU", layers, 3 * wideRow, 0, () -> kernels.swiglu(both, product, n, inner));
    add(
        "SwiGLU: backward",
        layers,
        6 * wideRow,
        0,
        () -> kernels.swigluBackward(both, product, n, inner));
    attention(layers);
  }

  private void products(String name, int in, int out, double times) {
    Tensor x = random(n, in);
    Tensor weight = random(out, in);
    Tensor y = random(n, out);
    Tensor gradient = wide(out, in);
    double flops = 2.0 * n * in * out;
    double bytes = 2.0 * n * (in + out) + 2.0 * in * out;
    add(name, times, bytes, flops, () -> kernels.linear(x, weight, y, n, in, out));
    add(name + ": dx", times, bytes, flops, () -> kernels.linearBackward(y, weight, x, n, in, out));
    add(
        name + ": dw",
        times,
        bytes + 6.0 * in * out,
        flops,
        () -> kernels.addWeightGradient(y, x, gradient, n, in, out));
  }

  private void attention(int layers) {
    int heads = config.numAttentionHeads();
    int groups = config.numKeyValueHeads();
    Tensor qkv = random(batch, LENGTH, heads + 2L * groups, FusedKernels.HEAD_WIDTH);
    FoldWeights weights =
        new FoldWeights(
            wide(FusedKernels.HEAD_WIDTH),
            wide(FusedKernels.HEAD_WIDTH),
            wide(groups, keyWidth),
            wide(groups));
    Positions positions =
        new Positions(
            wide(LENGTH, FusedKernels.HEAD_WIDTH),
            wide(LENGTH, FusedKernels.HEAD_WIDTH),
            null,
            null);
    Folded folded =
        new Folded(
            random(batch, LENGTH, heads, FusedAttention.FOLDED_WIDTH),
            random(batch, LENGTH, groups, FusedAttention.FOLDED_WIDTH),
            wide(batch, LENGTH, groups));
    double foldBytes = 2.0 * n * (all + (heads + groups) * (double) FusedAttention.FOLDED_WIDTH);
    Runnable fold =
        () -> kernels.attention().fold(qkv, weights, positions, folded, n, LENGTH, 1e-6);
    add("fold", layers, foldBytes, 0, fold);
    fold.run();
    double flops = 2.0 * n * LENGTH * width; // two products, half of them hidden
    add(
        "attention",
        layers,
        0,
        flops,
        () -> kernels.attention().attend(folded.queries(), folded.keys(), qkv).close());
    Attended attended = kernels.attention().attend(folded.queries(), folded.keys(), qkv);
    Tensor gradient = random(batch, LENGTH, heads, FusedKernels.HEAD_WIDTH);
    add(
        "attention: backward",
        layers,
        0,
        2.5 * flops,
        () -> {
          for (Tensor t :
              kernels
                  .attention()
                  .attendBackward(gradient, folded.queries(), folded.keys(), qkv, attended)) {
            t.close();
          }
        });
    Tensor[] found =
        kernels
            .attention()
            .attendBackward(gradient, folded.queries(), folded.keys(), qkv, attended);
    Tensor dqkv = random(n, all);
    add(
        "fold: backward",
        layers,
        foldBytes + 2.0 * n * (all + keyWidth),
        0,
        () ->
            kernels
                .attention()
                .foldBackward(
                    found, qkv, folded, weights, positions, dqkv, weights, n, LENGTH, 1e-6));
  }

  /** Bytes are those of the experts' rows, which come from the GPU's cache where they fit it. */
  private void experts(FusedExperts experts) {
    int keys = config.numKeys();
    int chosen = config.numExpertsPerTok();
    ExpertWeights weights =
        new ExpertWeights(
            random(2L * keys, d), random(config.numExperts(), d), random(config.numExperts(), d));
    ExpertWeights gradients =
        new ExpertWeights(
            wide(2L * keys, d), wide(config.numExperts(), d), wide(config.numExperts(), d));
    Choice choice =
        new Choice(wide(n, 2L * keys), wide(n, chosen), wide(n, chosen), wide(n, chosen));
    Room room = new Room(random(n, 2L * keys), wide(n, chosen), wide(n, chosen), wide(n, chosen));
    Tensor x = operations.cast(wide(n, d), DType.BFLOAT16);
    Tensor y = random(n, d);
    double rows = 4.0 * n * chosen * d;
    Runnable forward = () -> experts.forward(x, weights, choice, y, n);
    add("experts", config.numHiddenLayers(), rows, 0, forward);
    forward.run(); // so that there is a choice to go back from
    add(
        "experts: backward",
        config.numHiddenLayers(),
        2 * rows,
        0,
        () -> experts.backward(x, x, weights, choice, null, y, gradients, room, n));
  }

  private void head() {
    int vocab = config.vocabSize();
    int chunk = Math.min(n, CHUNK);
    Tensor h = random(chunk, d);
    Tensor weight = random(vocab, d);
    Tensor logits = random(chunk, vocab);
    Tensor gradient = wide(vocab, d);
    Found losses = new Found(wide(chunk), null);
    Found hits = new Found(losses.losses(), wide(chunk));
    Tensor labels = operations.longs(new long[chunk], chunk);
    double flops = 2.0 * chunk * d * vocab;
    double bytes = 2.0 * chunk * vocab;
    double times = (double) n / chunk;
    kernels.head().scale(1e-3);
    add(
        "logits",
        times,
        bytes + 2.0 * d * (chunk + vocab),
        flops,
        () -> kernels.linear(h, weight, logits, chunk, d, vocab));
    add(
        "cross entropy",
        times,
        2 * bytes,
        0,
        () -> kernels.head().crossEntropy(logits, labels, losses, 0, chunk, vocab));
    add(
        "cross entropy, hits",
        0, // no part of a step unless accuracy is measured
        2 * bytes,
        0,
        () -> kernels.head().crossEntropy(logits, labels, hits, 0, chunk, vocab));
    add(
        "logits: dx",
        times,
        bytes,
        flops,
        () -> kernels.linearBackward(logits, weight, h, chunk, d, vocab));
    add(
        "logits: dw",
        times,
        bytes + 8.0 * d * vocab,
        flops,
        () -> kernels.addWeightGradient(logits, h, gradient, chunk, d, vocab));
    Tensor dx = random(n, d);
    long[] ids = new java.util.SplittableRandom(233).longs(n, 0, vocab).toArray();
    Tensor tokens = operations.longs(ids, n);
    add(
        "embedding: backward",
        1,
        6.0 * n * d,
        0,
        () -> kernels.head().embedBackward(dx, tokens, gradient, n, -1));
  }

  private void optimizer() {
    Weights weights = Weights.initialize(config, operations, 233);
    weights.train(name -> true);
    AdamW optimizer = new AdamW(weights, AdamW.Settings.PRETRAINING);
    add("AdamW, clip, zero", 1, 36.0 * weights.count(), 0, () -> optimizer.update(1e-4).close());
  }

  private double milliseconds(Runnable operation) {
    for (int i = 0; i < WARM_UP; i++) {
      operation.run();
    }
    Tensor fence = operations.zeros(DType.FLOAT32, 1);
    fence.item();
    long began = System.nanoTime();
    for (int i = 0; i < REPEATS; i++) {
      operation.run();
    }
    operations.copyInto(fence, operations.zeros(DType.FLOAT32, 1));
    fence.item(); // waits for the device
    return (System.nanoTime() - began) / 1e6 / REPEATS;
  }

  private void print(String size) {
    System.out.printf(
        Locale.ROOT,
        "%s, micro-batch %d of %d%n%-22s %8s %8s %8s %6s %9s %7s%n",
        size,
        batch,
        LENGTH,
        "operation",
        "ms",
        "GB/s",
        "TFLOP/s",
        "times",
        "ms/step",
        "share");
    double[] milliseconds = rows.stream().mapToDouble(r -> milliseconds(r.operation)).toArray();
    double step = 0;
    for (int i = 0; i < milliseconds.length; i++) {
      step += milliseconds[i] * rows.get(i).times;
    }
    for (int i = 0; i < milliseconds.length; i++) {
      Row row = rows.get(i);
      double ms = milliseconds[i];
      System.out.printf(
          Locale.ROOT,
          "%-22s %8.3f %8.0f %8.0f %6.0f %9.2f %6.1f%%%n",
          row.name,
          ms,
          row.bytes / ms / 1e6,
          row.flops / ms / 1e9,
          row.times,
          ms * row.times,
          100 * ms * row.times / step);
    }
    System.out.printf(Locale.ROOT, "%-22s %42.2f%n", "step", step);
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("bench", "kernels");
    json.put("size", size);
    json.put("microBatchSize", batch);
    for (int i = 0; i < milliseconds.length; i++) {
      json.put(rows.get(i).name, milliseconds[i]);
    }
    System.out.println(new Gson().toJson(json));
  }
}
