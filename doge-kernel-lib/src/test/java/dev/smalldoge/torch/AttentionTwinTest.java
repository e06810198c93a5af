package dev.smalldoge.torch;

import static dev.smalldoge.torch.Comparison.assertClose;
import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.torch.DoubleTwin.Visibility;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The attention block's two paths and its cached form, and gradients, against the double twin. */
class AttentionTwinTest {
  private static final int BATCH = 2;

  private final Operations operations = Operations.on(Device.CPU);

  /** One layer, one length, one kind of mask. */
  record Case(String name, long seed, ModelConfig config, int length, Mask mask) {
    @Override
    public String toString() {
      return name;
    }

    TwinArray input() {
      return TwinWeights.normal(seed + 1, 0, 1, BATCH, length, config.hiddenSize());
    }

    /**
     * The output's gradient: 0 for padding on the left, whose queries see no key. There the source,
     * and so the script, lets a gradient through scores that the mask has swallowed.
     */
    double[] seedOfGradient() {
      int d = config.hiddenSize();
      double[] seed = TwinWeights.normal(seed() + 2, 0, 1, BATCH, length, d).values();
      if (mask == Mask.PADDED_LEFT) {
        Arrays.fill(seed, length * d, (length + 2) * d, 0);
      }
      return seed;
    }

    /** Whether the folded path applies, as the model decides it. */
    boolean folds() {
      return length <= config.keepWindowSize()
          && config.slidingWindow() == 0
          && mask != Mask.PADDED_LEFT;
    }
  }

  enum Mask {
    NONE,
    PADDED_RIGHT,
    PADDED_LEFT,
    DOCUMENTS;

    /** Row 0 is whole; row 1 lacks two keys at its end or beginning, or is two documents. */
    long[][] array(int length) {
      long[][] mask = new long[BATCH][length];
      for (int t = 0; t < length; t++) {
        mask[0][t] = this == DOCUMENTS ? 0 : 1;
        mask[1][t] =
            switch (this) {
              case NONE -> 1;
              case PADDED_RIGHT -> t < length - 2 ? 1 : 0;
              case PADDED_LEFT -> t >= 2 ? 1 : 0;
              case DOCUMENTS -> t < 2 ? 1 : 2;
            };
      }
      return mask;
    }

    Visibility visibility(int length) {
      return this == DOCUMENTS
          ? Visibility.within(array(length))
          : Visibility.unpadded(array(length));
    }

    AttentionMask of(Operations operations, int length, boolean folded) {
      long[] flat = Stream.of(array(length)).flatMapToLong(Arrays::stream).toArray();
      List<Tensor> tensor = List.of(operations.longs(flat, BATCH, length));
      return switch (this) {
        case NONE -> new AttentionMask(folded, List.of(), List.of(), List.of());
        case PADDED_RIGHT, PADDED_LEFT -> new AttentionMask(folded, tensor, List.of(), List.of());
        case DOCUMENTS ->
            new AttentionMask(
                folded, List.of(), tensor, List.of(0L, (long) length, length + 2L, 2L * length));
      };
    }
  }

  static Stream<Case> cases() {
    ModelConfig odd = Blocks.layer(2, 1, 6);
    return Stream.of(
        new Case("head width 6, folded to 8", 1, odd, 5, Mask.NONE),
        new Case("head width 10, folded to 16", 2, Blocks.layer(4, 2, 10), 7, Mask.NONE),
        new Case("head width 2", 3, Blocks.layer(3, 3, 2), 4, Mask.NONE),
        new Case("head width 8", 4, Blocks.layer(2, 2, 8), 6, Mask.NONE),
        new Case("one token", 5, odd, 1, Mask.NONE),
        new Case("biases", 6, odd.with(e -> e.attentionBias = true), 6, Mask.NONE),
        new Case("padded right", 7, odd, 6, Mask.PADDED_RIGHT),
        new Case("padded left", 8, odd, 6, Mask.PADDED_LEFT),
        new Case("documents", 9, odd, 6, Mask.DOCUMENTS),
        new Case("window 3", 10, odd.with(e -> e.keepWindowSize = 3), 8, Mask.NONE),
        new Case("window 3, padded", 11, withWindows(odd, 3, 0), 8, Mask.PADDED_RIGHT),
        new Case("window 3, documents", 12, withWindows(odd, 3, 0), 8, Mask.DOCUMENTS),
        new Case("sliding 3", 13, withWindows(odd, 64, 3), 8, Mask.NONE),
        new Case("sliding 4, window 2", 14, withWindows(odd, 2, 4), 8, Mask.NONE),
        new Case("sliding 3, documents", 15, withWindows(odd, 64, 3), 8, Mask.DOCUMENTS));
  }

  private static ModelConfig withWindows(ModelConfig config, int keep, int sliding) {
    return config.with(
        e -> {
          e.keepWindowSize = keep;
          e.slidingWindow = sliding;
        });
  }

  @ParameterizedTest
  @MethodSource("cases")
  void bothPathsEqualTheTwin(Case c) {
    var weights = TwinWeights.of(c.config, c.seed);
    double[] expected = twin(c, weights, c.input().values());
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Blocks blocks = new Blocks(c.config, operations, TwinWeights.tensors(weights, operations));
      Tensor x = c.input().tensor(operations);
      for (boolean folded : c.folds() ? new boolean[] {true, false} : new boolean[] {false}) {
        Tensor y = blocks.attention(x, c.length, c.mask.of(operations, c.length, folded));
        assertClose("folded " + folded, y.toFloats(), expected, Comparison.VALUES);
      }
    }
  }

  private double[] twin(Case c, Map<String, TwinArray> weights, double[] x) {
    return new DoubleTwin(c.config, TwinWeights.values(weights))
        .attentionBlock(Blocks.LAYER, x, BATCH, c.length, c.mask.visibility(c.length));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void gradientsEqualFiniteDifferences(Case c) {
    var weights = TwinWeights.of(c.config, c.seed);
    weights.keySet().removeIf(n -> !n.contains("self_attn") && !n.contains("input_"));
    var input = c.input();
    weights.put("x", input);
    double[] seed = c.seedOfGradient();
    Map<String, double[]> expected =
        Comparison.differences(
            TwinWeights.values(weights),
            () -> Comparison.dot(seed, twin(c, weights, input.values())));
    for (boolean folded : c.folds() ? new boolean[] {true, false} : new boolean[] {false}) {
      try (TensorScope scope = new TensorScope();
          GradMode on = GradMode.on()) {
        Map<String, Tensor> tensors = TwinWeights.tensors(weights, operations);
        tensors.values().forEach(t -> t.requireGradient(true));
        operations.createGradients(List.copyOf(tensors.values()));
        new Blocks(c.config, operations, tensors)
            .attention(tensors.get("x"), c.length, c.mask.of(operations, c.length, folded))
            .backward(new TwinArray(seed, input.shape()).tensor(operations));
        tensors.forEach(
            (name, tensor) ->
                assertClose(
                    name + ", folded " + folded,
                    tensor.gradient().toFloats(),
                    expected.get(name),
                    Comparison.GRADIENTS));
      }
    }
  }

  /** A cache holds one document. */
  static Stream<Case> casesOfOneDocument() {
    return cases().filter(c -> c.mask != Mask.DOCUMENTS);
  }

  @ParameterizedTest
  @MethodSource("casesOfOneDocument")
  void cachedInPiecesEqualsTheTwin(Case c) {
    var weights = TwinWeights.of(c.config, c.seed);
    double[] expected = twin(c, weights, c.input().values());
    int d = c.config.hiddenSize();
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Blocks blocks = new Blocks(c.config, operations, TwinWeights.tensors(weights, operations));
      List<Tensor> cache = cache(c);
      for (int start = 0, fresh; start < c.length; start += fresh) {
        fresh = Math.min(start == 0 ? 3 : 1, c.length - start);
        Tensor x = piece(c.input().values(), c.length, start, fresh, d);
        List<Tensor> keyMask = keyMask(c, start + fresh);
        Tensor y = blocks.attentionCached(x, start, fresh, keyMask, cache);
        assertClose(
            "from " + start,
            seen(c, y, start, fresh).toFloats(),
            doubles(seen(c, piece(expected, c.length, start, fresh, d), start, fresh)),
            Comparison.VALUES);
      }
    }
  }

  /** Left padding: a padded query reads all keys alike, and a piece has fewer; leave it out. */
  private Tensor seen(Case c, Tensor y, int start, int fresh) {
    if (c.mask != Mask.PADDED_LEFT || start + fresh > 3) {
      return y;
    }
    return operations.lastRows(y);
  }

  private static double[] doubles(Tensor x) {
    float[] values = x.toFloats();
    double[] doubles = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      doubles[i] = values[i];
    }
    return doubles;
  }

  private List<Tensor> cache(Case c) {
    int groups = c.config.numKeyValueHeads();
    int room = c.length + 2;
    return List.of(
        operations.zeros(DType.FLOAT32, BATCH, groups, room, c.config.headDim()),
        operations.zeros(DType.FLOAT32, BATCH, groups, room, c.config.headDim()),
        operations.zeros(DType.FLOAT32, BATCH, groups, room));
  }

  private List<Tensor> keyMask(Case c, int known) {
    if (c.mask == Mask.NONE) {
      return List.of();
    }
    long[] flat =
        Stream.of(c.mask.array(c.length))
            .flatMapToLong(row -> Arrays.stream(row, 0, known))
            .toArray();
    return List.of(operations.longs(flat, BATCH, known));
  }

  /** Positions start to start + fresh of each row of (B, length, d). */
  private Tensor piece(double[] x, int length, int start, int fresh, int d) {
    double[] part = new double[BATCH * fresh * d];
    for (int b = 0; b < BATCH; b++) {
      System.arraycopy(x, (b * length + start) * d, part, b * fresh * d, fresh * d);
    }
    return new TwinArray(part, BATCH, fresh, d).tensor(operations);
  }

  /** A is 0, so that all biases are equal: the window of kept keys is one of late keys. */
  @Test
  void ofEqualBiasesTheLaterStay() {
    ModelConfig kept = Blocks.layer(2, 1, 6).with(e -> e.keepWindowSize = 4);
    ModelConfig sliding = Blocks.layer(2, 1, 6).with(e -> e.slidingWindow = 4);
    var weights = TwinWeights.of(kept, 31);
    Arrays.fill(weights.get(Blocks.LAYER + "self_attn.A").values(), 0);
    int length = 24;
    var x = TwinWeights.normal(32, 0, 1, BATCH, length, kept.hiddenSize());
    var mask = new AttentionMask(false, List.of(), List.of(), List.of());
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      float[][] found = new float[2][];
      for (int i = 0; i < 2; i++) {
        Blocks blocks =
            new Blocks(
                i == 0 ? kept : sliding, operations, TwinWeights.tensors(weights, operations));
        found[i] = blocks.attention(x.tensor(operations), length, mask).toFloats();
      }
      assertThat(found[0]).isEqualTo(found[1]);
    }
  }

  @Test
  void largeBiasesPassThroughBfloat16() {
    ModelConfig config = Blocks.layer(2, 1, 16);
    var weights = TwinWeights.of(config, 21);
    // Biases exp(softplus · A) from about 30 to 300, apart by less than bf16 can tell.
    Arrays.fill(weights.get(Blocks.LAYER + "self_attn.A").values(), 8);
    int length = 24;
    var x = TwinWeights.normal(22, 0, 1, 1, length, config.hiddenSize());
    double[] dt = weights.get(Blocks.LAYER + "self_attn.dt_proj.weight").values();
    Arrays.setAll(dt, i -> dt[i] * 0.02);
    double[] expected =
        new DoubleTwin(config, TwinWeights.values(weights))
            .attentionBlock(Blocks.LAYER, x.values(), 1, length, Visibility.ALL);
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Blocks blocks = new Blocks(config, operations, TwinWeights.tensors(weights, operations));
      Tensor narrow = operations.cast(x.tensor(operations), DType.BFLOAT16);
      for (boolean folded : new boolean[] {true, false}) {
        AttentionMask mask = new AttentionMask(folded, List.of(), List.of(), List.of());
        Tensor y = operations.cast(blocks.attention(narrow, length, mask), DType.FLOAT32);
        // A handful of bf16 roundings of 2^-8 each; a bias in bf16 alone is off by 1 here, so
        // that weights would be off by half.
        assertClose("folded " + folded, y.toFloats(), expected, 0.02);
      }
    }
  }
}
