package dev.smalldoge.cli;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.LoraAdapter;
import dev.smalldoge.model.LoraFiles;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.model.Precision;
import dev.smalldoge.tokenizer.Tokenizer;
import dev.smalldoge.torch.Device;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Low-rank adapters, as PEFT saves them. */
@Command(name = "lora", description = "Work with low-rank adapters.")
final class LoraCommand {
  @Command(name = "merge", description = "Merge an adapter into its model, as a model of its own.")
  int merge(
      @Parameters(paramLabel = "ADAPTER", description = "folder with adapter_config.json")
          Path folder,
      @Parameters(paramLabel = "TARGET", description = "folder of the merged model") Path target,
      @Option(names = "--base", description = "the model; by default the one that ADAPTER names")
          Path base) {
    Path from = base == null ? Path.of(LoraFiles.baseModel(folder)) : base;
    check(
        Files.exists(from.resolve("config.json")),
        "%s, which %s names as its model, holds none; name it with --base",
        from,
        folder);
    check(
        !Files.exists(target.resolve("config.json")),
        "%s holds a model already; choose a new folder",
        target);
    try (DogeForCausalLm model = ModelFiles.open(from, Device.CPU, Precision.FLOAT32);
        LoraAdapter adapter = LoraFiles.open(model, folder)) {
      Files.createDirectories(target);
      ModelFiles.save(model, target);
      Tokenizer.load(from).save(target);
      System.out.printf(
          "merged %s of rank %d into %s: %s%n", folder, adapter.settings().rank(), from, target);
    } catch (IOException e) {
      throw new DogeException("Cannot create " + target + " (" + e + "); choose another", e);
    }
    return 0;
  }
}
