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

  /** Token ids of this vocabulary, one array a row, each at least {@code least} long. */
  long[][] ids(String name, int least) {
    long[][] rows = rows(name, least);
    requireInVocabulary(name, rows, 0);
    return rows;
  }

  /** Token ids, or {@link DogeForCausalLm#IGNORE_INDEX}, for the tokens {@code of} a batch. */
  long[][] labels(String name, long[][] of) {
    long[][] rows = mask(name, of);
    requireInVocabulary(name, rows, DogeForCausalLm.IGNORE_INDEX);
    return rows;
  }

  /** One number for each token {@code of} a batch. */
  long[][] mask(String name, long[][] of) {
    long[][] rows = rows(name, 1);
    check(
        rows.length == of.length && rows[0].length == of[0].length,
        "%s of %s has %d rows of %d, and its batch %d of %d; make them equal",
        name,
        folder,
        rows.length,
        rows[0].length,
        of.length,
        of[0].length);
    return rows;
  }

  private long[][] rows(String name, int least) {
    long[] shape = golden.info(name).shape();
    check(
        shape.length == 2 && shape[0] > 0 && shape[1] >= least,
        "%s of %s has shape %s; it must be (rows, at least %d tokens)",
        name,
        folder,
        Arrays.toString(shape),
        least);
    long[][] rows = new long[(int) shape[0]][(int) shape[1]];
    var values = golden.longs(name);
    for (long[] row : rows) {
      values.get(row);
    }
    return rows;
  }

  private void requireInVocabulary(String name, long[][] rows, long other) {
    Arrays.stream(rows)
        .flatMapToLong(Arrays::stream)
        .filter(id -> id != other && (id < 0 || id >= config.vocabSize()))
        .findFirst()
        .ifPresent(
            id ->
                check(
                    false,
                    "%s of %s has id %d, outside the vocabulary of %d; the files do not belong"
                        + " together",
                    name,
                    folder,
                    id,
                    config.vocabSize()));
  }

  ModelInput input(String name) {
    return ModelInput.of(operations, ids(name, 2));
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
