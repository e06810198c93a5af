package dev.smalldoge.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.LoraSettings;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.data.TestTokenizers;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.LoraAdapter;
import dev.smalldoge.model.LoraFiles;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.TestModels;
import dev.smalldoge.tokenizer.Tokenizer;
import dev.smalldoge.torch.Device;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code doge sft}, {@code doge dpo} and {@code doge lora merge} as one types them. */
class TuningCommandsTest {
  private static final Tokenizer TOKENIZER = TestTokenizers.bytes();
  @TempDir Path folder;

  private Path base() throws IOException {
    Path base = Files.createDirectories(folder.resolve("base"));
    ModelConfig config = TestModels.small().withVocabSize(TOKENIZER.vocabSize());
    try (DogeForCausalLm model = TestModels.model(config, 61)) {
      ModelFiles.save(model, base);
    }
    TOKENIZER.save(base);
    return base;
  }

  @Test
  void mergeWritesAModelOfItsOwn() throws IOException {
    Path base = base();
    Path adapter = folder.resolve("adapter");
    Path target = folder.resolve("merged");
    try (DogeForCausalLm model = ModelFiles.open(base, Device.CPU, Precision.FLOAT32);
        LoraAdapter lora = LoraAdapter.create(model, LoraSettings.ofRank(2), 1)) {
      LoraFiles.save(lora, adapter, base.toString());
    }
    String[] merge = {"lora", "merge", adapter.toString(), target.toString()};
    assertThat(CommandRun.of(merge).exits(0).out()).contains("merged ", "adapter of rank 2 into ");
    // B is zero, so the merged model is the base
    assertThat(
            Files.mismatch(base.resolve("model.safetensors"), target.resolve("model.safetensors")))
        .isEqualTo(-1);
    assertThat(target.resolve("tokenizer.json")).exists();
    assertThat(CommandRun.of(merge).exits(1).err())
        .contains("holds a model already; choose a new folder");
  }

  @Test
  void aRecipeTrainsFromTheCommandLine() throws IOException {
    Path base = base();
    String sft = folder.resolve("sft").toString();
    CommandRun.of(
            "sft",
            "../recipes/tiny/sft.yaml",
            "start_from=" + base,
            "output_folder=" + sft,
            "sequence_length=64",
            "micro_batch_size=4",
            "gradient_accumulation_steps=4", // some of so many rows have answers
            "max_steps=2",
            "eval_every_steps=0",
            "lora.rank=2",
            "--datasets",
            "../datasets",
            "--device",
            "cpu")
        .exits(0);
    assertThat(Path.of(sft, "adapter", "adapter_config.json")).exists();
    CommandRun.of(
            "dpo",
            "../recipes/tiny/dpo.yaml",
            "start_from=" + sft,
            "output_folder=" + folder.resolve("dpo"),
            "sequence_length=40",
            "max_prompt_length=30",
            "data.total_samples=4",
            "data.test_samples=2",
            "micro_batch_size=1",
            "gradient_accumulation_steps=1",
            "max_steps=2",
            "eval_every_steps=2",
            "--datasets",
            "../datasets",
            "--device",
            "cpu")
        .exits(0);
    assertThat(folder.resolve("dpo/model.safetensors")).exists();
    assertThat(folder.resolve("dpo/metrics.jsonl")).content().contains("eval.preferenceAccuracy");
  }

  /** {@code test_samples: -1} measures with what lies beside the corpus as NAME-test. */
  @Test
  void theCorpusesOwnTestSplitIsMeasured() throws IOException {
    Path base = base();
    rows("talks", "{\"prompt\":\"uno?\",\"completion\":\"dos\"}", 8);
    rows("talks-test", "{\"prompt\":\"tres?\",\"completion\":\"cuatro\"}", 1);
    rows("pairs", "{\"prompt\":\"uno?\",\"chosen\":\"dos\",\"rejected\":\"no\"}", 4);
    rows("pairs-test", "{\"prompt\":\"tres?\",\"chosen\":\"si\",\"rejected\":\"no\"}", 2);
    for (String name : new String[] {"sft", "dpo"}) {
      boolean pairs = name.equals("dpo");
      CommandRun.of(
              name,
              "../recipes/tiny/" + name + ".yaml",
              "start_from=" + base,
              "output_folder=" + folder.resolve(name),
              "data.ratios={" + (pairs ? "pairs" : "talks") + ": 1.0}",
              "data.total_samples=-1",
              "data.test_samples=-1",
              "sequence_length=40",
              pairs ? "max_prompt_length=30" : "data.packing=true",
              "micro_batch_size=1",
              "gradient_accumulation_steps=1",
              "max_steps=2",
              "eval_every_steps=2",
              "--datasets",
              folder.toString(),
              "--device",
              "cpu")
          .exits(0);
      assertThat(folder.resolve(name).resolve("metrics.jsonl")).content().contains("\"eval.");
    }
  }

  private void rows(String name, String row, int count) throws IOException {
    Path own = Files.createDirectories(folder.resolve(name));
    Files.writeString(own.resolve("rows.jsonl"), (row + "\n").repeat(count));
  }

  @Test
  void aStartThatIsNotThereIsOneSentence() {
    String start = "start_from=" + folder;
    assertThat(CommandRun.of("sft", "../recipes/tiny/sft.yaml", start).exits(1).err())
        .contains("holds no model; train it first, fetch it with doge download")
        .doesNotContain("at dev.smalldoge");
  }
}
