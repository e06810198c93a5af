package dev.smalldoge.model;

import static dev.smalldoge.model.TestModels.OPERATIONS;
import static dev.smalldoge.model.TestModels.small;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.LoraSettings;
import dev.smalldoge.io.JsonFiles;
import dev.smalldoge.io.Safetensors;
import dev.smalldoge.torch.Comparison;
import dev.smalldoge.torch.DoubleTwin;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.torch.TwinArray;
import dev.smalldoge.torch.TwinWeights;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Adapters on a whole model: start, gradients, files. */
class LoraAdapterTest {
  private static final LoraSettings SETTINGS =
      LoraSettings.ofRank(2).withAlpha(6).withTargetModules("q_proj", "down_proj");
  private static final String WEIGHT = "model.layers.1.self_attn.q_proj.weight";
  private static final String A = "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight";
  private static final String B = "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight";

  private final long[][] ids = TestModels.ids(small(), 2, 7, 11);

  @Test
  void aNewAdapterLeavesTheModelAsItIs() {
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = TestModels.model(small(), 12)) {
      float[] before = model.logits(ModelInput.of(OPERATIONS, ids)).toFloats();
      try (LoraAdapter adapter = LoraAdapter.create(model, SETTINGS, 1)) {
        adapter.merge();
        float[] after = model.logits(ModelInput.of(OPERATIONS, ids)).toFloats();
        assertThat(after).isEqualTo(before);
        assertThat(adapter.factors().byName()).hasSize(8); // 2 layers, 2 targets, A and B
        assertThat(adapter.factors().get(A).shape()).containsExactly(2, 24);
        assertThat(adapter.factors().get(B).shape()).containsExactly(24, 2);
        assertThat(adapter.factors().get(A).toFloats()).doesNotContain(0);
      }
    }
  }

  @Test
  void gradientsOfBothFactorsEqualFiniteDifferencesOfTheLoss() {
    Map<String, TwinArray> arrays = TwinWeights.of(small(), 13);
    double[] base = arrays.get(WEIGHT).values().clone();
    DoubleTwin twin = new DoubleTwin(small(), TwinWeights.values(arrays));
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = TestModels.model(small(), arrays);
        LoraAdapter adapter = LoraAdapter.of(model, SETTINGS, name -> random(model, name))) {
      adapter.factors().train(name -> true);
      model.weights().train(adapter::targets);
      double[] a = doubles(adapter.factors().get(A));
      double[] b = doubles(adapter.factors().get(B));
      // the twin has the other targets' merged weights, and this one's from a and b
      adapter
          .factors()
          .byName()
          .keySet()
          .forEach(
              name -> {
                String weight = weightOf(name);
                double[] merged = doubles(model.weights().get(weight));
                System.arraycopy(merged, 0, arrays.get(weight).values(), 0, merged.length);
              });
      java.util.function.DoubleSupplier loss =
          () -> {
            double[] merged = arrays.get(WEIGHT).values();
            for (int i = 0; i < merged.length; i++) {
              double product = 0;
              for (int r = 0; r < 2; r++) {
                product += b[i / 24 * 2 + r] * a[r * 24 + i % 24];
              }
              merged[i] = base[i] + 3 * product; // alpha / rank
            }
            return twin.nats(ids, ids, (row, query, key) -> true) / 12;
          };
      model.backward(ModelInput.of(OPERATIONS, ids), TestModels.tensor(ids), 1.0 / 12, 0);
      adapter.takeGradients();
      Comparison.assertClose(
          "A",
          adapter.factors().gradients().get(A).toFloats(),
          Comparison.differences(a, loss),
          3 * Comparison.GRADIENTS); // one more product than the weight's own gradient
      Comparison.assertClose(
          "B",
          adapter.factors().gradients().get(B).toFloats(),
          Comparison.differences(b, loss),
          3 * Comparison.GRADIENTS);
      model.weights().gradients().values().forEach(g -> assertThat(g.toFloats()).containsOnly(0));
    }
  }

  private static String weightOf(String factor) {
    return factor.replaceFirst("^base_model\\.model\\.", "").replaceFirst("\\.lora_[AB]\\.", ".");
  }

  private static double[] doubles(Tensor tensor) {
    float[] floats = tensor.toFloats();
    double[] doubles = new double[floats.length];
    for (int i = 0; i < floats.length; i++) {
      doubles[i] = floats[i];
    }
    return doubles;
  }

  private static Tensor random(DogeForCausalLm model, String name) {
    Random random = new Random(name.hashCode());
    long[] shape = LoraAdapter.shape(model, SETTINGS, name);
    float[] values = new float[(int) (shape[0] * shape[1])];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (0.2 * random.nextGaussian());
    }
    return OPERATIONS.floats(values, shape);
  }

  @Test
  void filesAreThoseOfPeftAndGiveTheSameModel(@TempDir Path folder) {
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = TestModels.model(small(), 14)) {
      float[] merged;
      try (LoraAdapter adapter = LoraAdapter.of(model, SETTINGS, name -> random(model, name))) {
        LoraFiles.save(adapter, folder, "runs/base");
        merged = model.logits(ModelInput.of(OPERATIONS, ids)).toFloats();
      }
      JsonObject config = JsonFiles.readObject(folder.resolve("adapter_config.json"));
      assertThat(config.get("peft_type").getAsString()).isEqualTo("LORA");
      assertThat(config.get("r").getAsInt()).isEqualTo(2);
      assertThat(config.get("lora_alpha").getAsDouble()).isEqualTo(6);
      assertThat(config.get("target_modules").toString()).isEqualTo("[\"q_proj\",\"down_proj\"]");
      assertThat(LoraFiles.baseModel(folder)).isEqualTo("runs/base");
      try (Safetensors stored = Safetensors.open(folder.resolve("adapter_model.safetensors"))) {
        assertThat(stored.names()).contains(A, B).hasSize(8);
      }
      try (DogeForCausalLm other = TestModels.model(small(), 14);
          LoraAdapter opened = LoraFiles.open(other, folder)) {
        assertThat(opened.settings()).isEqualTo(SETTINGS);
        assertThat(other.logits(ModelInput.of(OPERATIONS, ids)).toFloats()).isEqualTo(merged);
      }
    }
  }

  @Test
  void theMergedWeightIsThePlainFormula() {
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = TestModels.model(small(), 15)) {
      double[] base = doubles(model.weights().get(WEIGHT));
      try (LoraAdapter adapter = LoraAdapter.of(model, SETTINGS, name -> random(model, name))) {
        double[] a = doubles(adapter.factors().get(A));
        double[] b = doubles(adapter.factors().get(B));
        float[] merged = model.weights().get(WEIGHT).toFloats();
        for (int i = 0; i < merged.length; i++) {
          double product = b[i / 24 * 2] * a[i % 24] + b[i / 24 * 2 + 1] * a[24 + i % 24];
          assertThat((double) merged[i]).isCloseTo(base[i] + 3 * product, within(1e-6));
        }
      }
    }
  }

  @Test
  void whatDoesNotFitIsRefusedInOneSentence(@TempDir Path folder) {
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = TestModels.model(small(), 16);
        DogeForCausalLm deeper = TestModels.model(small().with(e -> e.numHiddenLayers = 3), 16);
        LoraAdapter adapter = LoraAdapter.create(model, SETTINGS, 1)) {
      LoraFiles.save(adapter, folder, "runs/base");
      assertThatThrownBy(() -> LoraFiles.open(deeper, folder))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("has no base_model.model.model.layers.2")
          .hasMessageContaining("use the model that the adapter was made for");
      JsonObject config = JsonFiles.readObject(folder.resolve("adapter_config.json"));
      config.addProperty("use_dora", true);
      JsonFiles.write(folder.resolve("adapter_config.json"), config);
      assertThatThrownBy(() -> LoraFiles.open(model, folder))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("sets use_dora, which is not supported");
      for (String[] odd :
          new String[][] {
            {"r", "\"x\""},
            {"r", "0"},
            {"lora_alpha", "[]"},
            {"lora_alpha", "-1"},
            {"target_modules", "[null]"},
            {"target_modules", "\"all-linear\""},
            {"bias", "{}"},
            {"use_rslora", "3"},
            {"peft_type", "{}"}
          }) {
        config.addProperty("use_dora", false);
        JsonObject changed = config.deepCopy();
        changed.add(odd[0], JsonParser.parseString(odd[1]));
        JsonFiles.write(folder.resolve("adapter_config.json"), changed);
        assertThatThrownBy(() -> LoraFiles.open(model, folder))
            .as("%s %s", (Object[]) odd)
            .isInstanceOf(DogeException.class)
            .hasMessageContaining("adapter_config.json");
      }
      assertThatThrownBy(() -> LoraSettings.ofRank(4).withTargetModules("qproj"))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("qproj");
    }
  }
}
