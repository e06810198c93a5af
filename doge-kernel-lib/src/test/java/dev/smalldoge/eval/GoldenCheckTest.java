package dev.smalldoge.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.RopeScaling;
import dev.smalldoge.eval.GoldenCheck.Figure;
import dev.smalldoge.io.ConfigFiles;
import dev.smalldoge.io.DType;
import dev.smalldoge.io.Safetensors;
import dev.smalldoge.io.SafetensorsWriter;
import dev.smalldoge.torch.Comparison;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.DoubleTwin;
import dev.smalldoge.torch.DoubleTwin.Visibility;
import dev.smalldoge.torch.TwinArray;
import dev.smalldoge.torch.TwinWeights;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the golden check says of cases that differ, lack a part, or come from another generator. */
class GoldenCheckTest {
  private static final Path CASES = Path.of("src/test/resources/golden");

  @TempDir private Path folder;

  /** One run for all of them, as each is compared on its own. */
  @Test
  void oneValueOffByTwoThousandthsIsFound() throws IOException {
    Set<String> changed =
        Set.of(
            "logits",
            "loss",
            "aux_loss",
            "grad.model.layers.0.self_attn.A",
            "grad.model.embed_tokens.weight",
            "padded.logits",
            "padded.loss",
            "train.loss",
            "train.lr",
            "train.grad_norm",
            "trained.model.norm.weight",
            "greedy.output_ids");
    copy(
        "cdmoe-per-token",
        n -> true,
        (n, bytes) -> {
          if (n.equals("greedy.output_ids")) {
            bytes.putLong(8 * 20, 7);
          } else if (changed.contains(n)) {
            bump(bytes, n.startsWith("train."));
          }
          return bytes;
        });
    assertThat(failing(GoldenCheck.run(folder, Device.CPU)))
        .containsExactlyInAnyOrderElementsOf(changed);
  }

  /** Moves the largest value by two thousandths. */
  private static void bump(ByteBuffer bytes, boolean isDouble) {
    int width = isDouble ? 8 : 4;
    int largest = 0;
    for (int at = 0; at < bytes.capacity(); at += width) {
      largest =
          Math.abs(value(bytes, at, isDouble)) > Math.abs(value(bytes, largest, isDouble))
              ? at
              : largest;
    }
    if (isDouble) {
      bytes.putDouble(largest, 1.002 * bytes.getDouble(largest));
    } else {
      bytes.putFloat(largest, 1.002f * bytes.getFloat(largest));
    }
  }

  private static double value(ByteBuffer bytes, int at, boolean isDouble) {
    return isDouble ? bytes.getDouble(at) : bytes.getFloat(at);
  }

  @Test
  void absentPartsAreSaid() throws IOException {
    copy(
        "dense",
        n -> !n.startsWith("train") && !n.startsWith("padded.") && !n.startsWith("greedy."),
        (n, bytes) -> bytes);
    var report = GoldenCheck.run(folder, Device.CPU);
    assertThat(report.holds()).isTrue();
    assertThat(report.remarks())
        .containsExactlyInAnyOrder(
            "the case has no padded.*, so that part says nothing",
            "the case has no greedy.*, so that part says nothing",
            "the case has no train.*, so that part says nothing");
    assertThat(report.toString()).contains("NOT COMPARED: the case has no train.*");
  }

  @Test
  void aMissingFigureOfAPresentPartDoesNotHold() throws IOException {
    Set<String> gone = Set.of("loss", "grad.model.norm.weight", "padded.logits", "train.grad_norm");
    copy("dense", n -> !gone.contains(n), (n, bytes) -> bytes);
    var report = GoldenCheck.run(folder, Device.CPU);
    assertThat(failing(report)).containsAll(gone);
    for (String name : gone) {
      assertThat(report.remarks()).contains(name + " is missing from golden.safetensors");
    }
  }

  @Test
  void lossesWithoutTheBalancingPartAreTakenAsSuch() throws IOException {
    copy(
        "cdmoe-per-token",
        n -> !n.startsWith("train") && !n.equals("aux_loss"),
        (n, bytes) -> n.equals("loss") ? bytes.putFloat(0, crossEntropy()) : bytes);
    var report = GoldenCheck.run(folder, Device.CPU);
    assertThat(report.remarks())
        .contains("the case has no aux_loss, so its losses are taken to be without one");
    assertThat(failing(report)) // the gradients are those with that part
        .isNotEmpty()
        .allMatch(n -> n.startsWith("grad."));
  }

  @Test
  void aBalancingLossOfCoefficientZeroIsStillCompared() throws IOException {
    copy(
        "cdmoe-per-token",
        n -> !n.startsWith("train"),
        (n, bytes) -> n.equals("loss") ? bytes.putFloat(0, crossEntropy()) : bytes);
    Path config = folder.resolve("config.json");
    Files.writeString(
        config,
        Files.readString(config)
            .replace("\"router_aux_loss_coef\": 0.01", "\"router_aux_loss_coef\": 0"));
    var report = GoldenCheck.run(folder, Device.CPU);
    assertThat(report.figures()).anyMatch(f -> f.name().equals("aux_loss") && f.holds());
    assertThat(failing(report)).allMatch(n -> n.startsWith("grad."));
  }

  /** The loss of the case without its load-balancing part. */
  private static float crossEntropy() {
    try (var golden = Safetensors.open(CASES.resolve("cdmoe-per-token/golden.safetensors"))) {
      return (float) (golden.doubles("loss")[0] - 0.01 * golden.doubles("aux_loss")[0]);
    }
  }

  @Test
  void whatIsNotUsedIsSaid() throws IOException {
    copy("dense", n -> !n.startsWith("greedy."), (n, bytes) -> bytes);
    SafetensorsWriter more = SafetensorsWriter.to(folder.resolve("more.safetensors"));
    try (Safetensors golden = Safetensors.open(folder.resolve("golden.safetensors"))) {
      for (String n : golden.names()) {
        more.add(n, golden.info(n).dtype(), golden.info(n).shape(), () -> golden.bytes(n));
      }
      var ids = golden.info("input_ids");
      for (String n : new String[] {"labels", "attention_mask", "train.input_ids.12"}) {
        more.add(n, ids.dtype(), ids.shape(), () -> golden.bytes("input_ids"));
      }
      more.write();
    }
    Files.move(
        folder.resolve("more.safetensors"),
        folder.resolve("golden.safetensors"),
        StandardCopyOption.REPLACE_EXISTING);
    var report = GoldenCheck.run(folder, Device.CPU);
    assertThat(report.holds()).isTrue();
    assertThat(report.remarks())
        .contains(
            "labels is not used: the check has no place for that input",
            "attention_mask is not used: the check has no place for that input",
            "train.input_ids.12 is not used: the check has no place for that input")
        .hasSize(4);
  }

  @Test
  void inputsThatDoNotFitAreTold() throws IOException {
    copy("dense", n -> true, (n, b) -> n.equals("input_ids") ? b.putLong(8, 160) : b);
    refused("input_ids of " + folder + " has id 160, outside the vocabulary of 160");
    copy("dense", n -> true, (n, b) -> n.equals("padded.labels") ? b.putLong(8, -1) : b);
    refused("padded.labels of " + folder + " has id -1, outside the vocabulary of 160");
    copy("dense", n -> true, (n, b) -> n.equals("greedy.output_ids") ? b.limit(64) : b);
    refused("greedy.output_ids of " + folder + " has shape [1, 8]");
    copy("dense", n -> true, (n, b) -> n.equals("padded.attention_mask") ? b.limit(160) : b);
    refused("padded.attention_mask of " + folder + " has 1 rows of 20, and its batch 2 of 24");
  }

  private void refused(String because) {
    assertThatThrownBy(() -> GoldenCheck.run(folder, Device.CPU))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining(because);
  }

  /** The reference's mean over no labels is NaN, and so is ours. */
  @Test
  void aBatchWithoutLabelsHolds() throws IOException {
    copy(
        "dense",
        n -> !n.startsWith("train"),
        (n, bytes) -> {
          for (int at = 0; n.equals("padded.labels") && at < bytes.capacity(); at += 8) {
            bytes.putLong(at, -100);
          }
          return n.equals("padded.loss") ? bytes.putFloat(0, Float.NaN) : bytes;
        });
    assertThat(GoldenCheck.run(folder, Device.CPU).holds()).isTrue();
    copy(
        "dense",
        n -> !n.startsWith("train"),
        (n, bytes) -> n.equals("logits") ? bytes.putFloat(0, Float.NaN) : bytes);
    assertThat(failing(GoldenCheck.run(folder, Device.CPU))).containsExactly("logits");
  }

  @Test
  void aFigureThatTheModelLacksDoesNotHold() throws IOException {
    copy("dense", n -> !n.startsWith("train."), (n, bytes) -> bytes);
    var report = GoldenCheck.run(folder, Device.CPU); // trained.* without the run they come from
    assertThat(failing(report)).isNotEmpty().allMatch(n -> n.startsWith("trained."));
    assertThat(report.remarks())
        .contains("trained.model.norm.weight is not a figure of this model");
  }

  private static java.util.List<String> failing(GoldenCheck.Report report) {
    return report.figures().stream().filter(f -> !f.holds()).map(Figure::name).toList();
  }

  private interface Change {
    ByteBuffer of(String name, ByteBuffer bytes);
  }

  /** A copy of a case with some of its figures, changed; one cut short is one row of ids. */
  private void copy(String name, Predicate<String> kept, Change change) throws IOException {
    Path from = CASES.resolve(name);
    for (String file : new String[] {"config.json", "model.safetensors"}) {
      Files.copy(from.resolve(file), folder.resolve(file), StandardCopyOption.REPLACE_EXISTING);
    }
    SafetensorsWriter writer = SafetensorsWriter.to(folder.resolve("golden.safetensors"));
    try (Safetensors golden = Safetensors.open(from.resolve("golden.safetensors"))) {
      for (String figure : golden.names()) {
        if (kept.test(figure)) {
          ByteBuffer source = golden.bytes(figure);
          ByteBuffer own =
              ByteBuffer.allocate(source.remaining())
                  .put(source)
                  .flip()
                  .order(ByteOrder.LITTLE_ENDIAN);
          var info = golden.info(figure);
          ByteBuffer changed = change.of(figure, own);
          boolean cut = changed.limit() < changed.capacity();
          long[] shape = cut ? new long[] {1, changed.limit() / 8} : info.shape();
          writer.add(figure, info.dtype(), shape, () -> changed);
        }
      }
    }
    writer.write();
  }

  static Stream<ModelConfig> otherSizes() {
    ModelConfig tiny =
        ModelConfig.doge20M()
            .with(
                e -> {
                  e.vocabSize = 13;
                  e.hiddenSize = 12;
                  e.intermediateSize = 7;
                  e.numHiddenLayers = 1;
                  e.numAttentionHeads = 3;
                  e.numKeyValueHeads = 1;
                  e.maxPositionEmbeddings = 32;
                  e.ropeScaling = RopeScaling.NONE;
                  e.hiddenDropout = 0.5; // the reference's figures are without it
                });
    return Stream.of(
        tiny,
        tiny.with(
            e -> {
              e.attentionBias = true;
              e.mlpBias = true;
              e.tieWordEmbeddings = false;
              e.slidingWindow = 3;
            }),
        tiny.with(e -> e.keepWindowSize = 4));
  }

  /** Cases that the double twin made: 1 × 6 tokens as I32, scalars without a shape, F64 figures. */
  @ParameterizedTest
  @MethodSource("otherSizes")
  void casesOfOtherSizesHold(ModelConfig config) throws IOException {
    Map<String, TwinArray> weights = TwinWeights.of(config, 91);
    Map<String, double[]> values = TwinWeights.values(weights);
    // the twin computes from the weights as fp32 holds them
    values.values().forEach(v -> Arrays.setAll(v, i -> (float) v[i]));
    DoubleTwin twin = new DoubleTwin(config, values);
    long[][] ids = {{3, 9, 4, 12, 5, 3}};
    ConfigFiles.writeModelConfig(config, folder.resolve("config.json"));
    SafetensorsWriter model = SafetensorsWriter.to(folder.resolve("model.safetensors"));
    weights.forEach(
        (n, w) -> model.add(n, DType.F32, w.shape(), () -> floats(Comparison.floats(w.values()))));
    model.write();
    double loss = twin.nats(ids, ids, Visibility.ALL) / 5;
    double[] logits = twin.logits(ids, Visibility.ALL);
    SafetensorsWriter golden = SafetensorsWriter.to(folder.resolve("golden.safetensors"));
    golden.add("input_ids", DType.I32, new long[] {1, 6}, () -> ints(ids[0]));
    golden.add("logits", DType.F64, new long[] {1, 6, 13}, () -> doubles(logits));
    golden.add("loss", DType.F64, new long[0], () -> doubles(loss));
    Function<String, double[]> gradient =
        n -> Comparison.differences(values.get(n), () -> twin.nats(ids, ids, Visibility.ALL) / 5);
    weights.forEach(
        (n, w) -> golden.add("grad." + n, DType.F64, w.shape(), () -> doubles(gradient.apply(n))));
    long[] written = {ids[0][0], 0, 0, 0};
    for (int i = 1; i < written.length; i++) { // from one token, without a cache
      double[] all = twin.logits(new long[][] {Arrays.copyOf(written, i)}, Visibility.ALL);
      written[i] = likeliest(Arrays.copyOfRange(all, 13 * (i - 1), 13 * i));
    }
    golden.add("greedy.input_ids", DType.I32, new long[] {1, 1}, () -> ints(written[0]));
    golden.add("greedy.output_ids", DType.I32, new long[] {1, 4}, () -> ints(written));
    golden.write();
    var report = GoldenCheck.run(folder, Device.CPU);
    assertThat(report.figures()).hasSize(3 + weights.size()).allMatch(Figure::holds);
  }

  private static int likeliest(double... logits) {
    return IntStream.range(0, logits.length)
        .reduce(0, (best, i) -> logits[i] > logits[best] ? i : best);
  }

  private static ByteBuffer floats(float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes;
  }

  private static ByteBuffer doubles(double... values) {
    ByteBuffer bytes = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asDoubleBuffer().put(values);
    return bytes;
  }

  private static ByteBuffer ints(long... values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (long value : values) {
      bytes.putInt((int) value);
    }
    return bytes.flip();
  }

  @Test
  void aFolderThatIsNoCaseIsTold() throws IOException {
    assertThatThrownBy(() -> GoldenCheck.run(folder, Device.CPU))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining(folder + " has no config.json, so it is no golden case");
    Files.copy(CASES.resolve("dense/config.json"), folder.resolve("config.json"));
    Files.copy(CASES.resolve("dense/golden.safetensors"), folder.resolve("golden.safetensors"));
    assertThatThrownBy(() -> GoldenCheck.run(folder, Device.CPU))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("model.safetensors");
    Files.copy(
        CASES.resolve("dense-untied/model.safetensors"), folder.resolve("model.safetensors"));
    assertThatThrownBy(() -> GoldenCheck.run(folder, Device.CPU))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("lm_head.weight");
  }
}
