package dev.smalldoge.eval;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.ModelConfig.LoadBalancing;
import dev.smalldoge.io.ConfigFiles;
import dev.smalldoge.io.Safetensors;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.model.Precision;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;

/** The files of one golden case: what the reference was given, and what it answered. */
final class GoldenCase implements AutoCloseable {
  static final String FIGURES = "golden.safetensors";

  private final Path folder;
  private final Operations operations;
  private final Safetensors golden;
  private final ModelConfig config;

  private GoldenCase(Path folder, Operations operations, Safetensors golden, ModelConfig config) {
    this.folder = folder;
    this.operations = operations;
    this.golden = golden;
    this.config = config;
  }

  /** Opens a case; its figures were computed without dropout and balanced by rank. */
  static GoldenCase open(Path folder, Operations operations) {
    for (String file : new String[] {ConfigFiles.CONFIG, FIGURES}) {
      check(
          Files.isRegularFile(folder.resolve(file)),
          "%s has no %s, so it is no golden case; give a folder with config.json,"
              + " model.safetensors and golden.safetensors",
          folder,
          file);
    }
    ModelConfig config =
        ConfigFiles.readModelConfig(folder.resolve(ConfigFiles.CONFIG))
            .with(
                e -> {
                  e.loadBalancing = LoadBalancing.RANK_ORDER;
                  e.attentionDropout = 0;
                  e.hiddenDropout = 0;
                });
    return new GoldenCase(folder, operations, Safetensors.open(folder.resolve(FIGURES)), config);
  }

  Path folder() {
    return folder;
  }

  Operations operations() {
    return operations;
  }

  ModelConfig config() {
    return config;
  }

  /** A model of the case's weights in FLOAT32. */
  DogeForCausalLm model(ModelConfig shape) {
    return new DogeForCausalLm(
        shape, ModelFiles.weights(folder, shape, operations), Precision.FLOAT32);
  }

  Set<String> names() {
    return golden.names();
  }

  boolean has(String name) {
    return golden.names().contains(name);
  }

  /** Values of any floating type. */
  double[] doubles(String name) {
    return golden.doubles(name);
  }

  /** Token ids, labels or a mask, one array a row. */
  long[][] rows(String name) {
    long[] shape = golden.info(name).shape();
    check(
        shape.length == 2 && shape[0] > 0 && shape[1] > 1,
        "%s of %s has shape %s; it must be (rows, at least 2 tokens)",
        name,
        folder,
        Arrays.toString(shape));
    long[][] rows = new long[(int) shape[0]][(int) shape[1]];
    var values = golden.longs(name);
    for (long[] row : rows) {
      values.get(row);
    }
    return rows;
  }

  ModelInput input(String name) {
    return ModelInput.of(operations, rows(name));
  }

  Tensor tensor(long[][] rows) {
    return operations.longs(
        Arrays.stream(rows).flatMapToLong(Arrays::stream).toArray(), rows.length, rows[0].length);
  }

  /** Labels that count: not the first of each row, which nothing predicts. */
  static long counted(long[][] labels) {
    return Arrays.stream(labels)
        .mapToLong(
            row ->
                Arrays.stream(row, 1, row.length)
                    .filter(l -> l != DogeForCausalLm.IGNORE_INDEX)
                    .count())
        .sum();
  }

  @Override
  public void close() {
    golden.close();
  }
}
