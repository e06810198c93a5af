package dev.smalldoge.cli;

import dev.smalldoge.bench.DataBench;
import dev.smalldoge.bench.GenerateBench;
import dev.smalldoge.bench.GuardBench;
import dev.smalldoge.bench.GuardChart;
import dev.smalldoge.bench.KernelsBench;
import dev.smalldoge.bench.RanksBench;
import dev.smalldoge.bench.TokenizerBench;
import dev.smalldoge.bench.TrainBench;
import dev.smalldoge.bench.TuningBench;
import dev.smalldoge.config.Home;
import dev.smalldoge.config.Recompute;
import dev.smalldoge.data.Corpus;
import dev.smalldoge.model.Precision;
import dev.smalldoge.tokenizer.Tokenizer;
import dev.smalldoge.torch.Device;
import dev.smalldoge.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Benchmarks; figures of one run compare with each other, not with those of another machine. */
@Command(name = "bench", description = "Time training, kernels and data.")
final class BenchCommand {
  private static final String SIZES = "tiny, 20M, 60M, 160M or 320M (${DEFAULT-VALUE})";
  private static final String BATCH = "sequences a forward (${DEFAULT-VALUE})";
  private static final String STEPS = "steps that are timed (${DEFAULT-VALUE})";
  private static final List<String> SHIPPED =
      List.of("state-of-the-union", "python-stdlib", "metamath");
  private static final String SHIPPED_TOKENIZER = "datasets/shipped/tokenizer";
  private static final String LEARNED = "names, files or folders; the shipped ones by default";

  @Command(name = "train", description = "Time whole training steps by size and micro-batch.")
  int train(
      @Option(names = "--device", defaultValue = "cpu", description = "cpu (default) or gpu")
          String device,
      @Option(names = "--precision", description = "fp32 or bf16; by default that of the device")
          String precision,
      @Option(names = "--sizes", split = ",", defaultValue = "tiny,20M", description = SIZES)
          List<String> sizes,
      @Option(names = "--micro-batch", split = ",", defaultValue = "1", description = BATCH)
          List<Integer> batches,
      @Option(
              names = "--length",
              defaultValue = "2048",
              description = "tokens a sequence (${DEFAULT-VALUE})")
          int length,
      @Option(names = "--steps", defaultValue = "8", description = STEPS) int steps,
      @Option(
              names = "--recompute",
              arity = "0..1",
              defaultValue = "false",
              fallbackValue = "true",
              description = "compute again: whole layers, or mlp")
          String recompute,
      @Option(names = "--no-fused", description = "without the fused kernels") boolean plain,
      @Option(names = "--no-graph", description = "with kernels launched one by one")
          boolean launched,
      @Option(
              names = "--kernels",
              defaultValue = "0",
              description = "how many kernels of a step to tell, the longest first")
          int kernels) {
    Device where = Device.named(device);
    TrainBench.run(
        new TrainBench.Plan(
            where,
            precision(precision, where),
            sizes,
            batches,
            length,
            steps,
            Recompute.named("--recompute", recompute),
            !plain,
            !launched,
            kernels));
    return 0;
  }

  @Command(name = "tuning", description = "Time steps of SFT and DPO beside those of pretraining.")
  int tuning(
      @Option(names = "--device", defaultValue = "cpu", description = "cpu (default) or gpu")
          String device,
      @Option(names = "--precision", description = "fp32 or bf16; by default that of the device")
          String precision,
      @Option(names = "--sizes", split = ",", defaultValue = "tiny,20M", description = SIZES)
          List<String> sizes,
      @Option(names = "--rows", defaultValue = "4", description = "sequences a step") int rows,
      @Option(
              names = "--length",
              defaultValue = "256",
              description = "tokens a sequence (${DEFAULT-VALUE})")
          int length,
      @Option(names = "--learned", defaultValue = "0.6", description = "part that is an answer")
          double learned,
      @Option(names = "--steps", defaultValue = "8", description = STEPS) int steps) {
    Device where = Device.named(device);
    TuningBench.run(
        new TuningBench.Plan(
            where, precision(precision, where), sizes, rows, length, learned, steps));
    return 0;
  }

  @Command(name = "data", description = "Time parquet to token files, and random batches.")
  int data(
      @Option(names = "--tokenizer", required = true, description = "folder of a tokenizer")
          String tokenizer,
      @Option(names = "--text", description = "file or folder of texts; by default the shipped")
          Path text,
      @Option(names = "--megabytes", defaultValue = "200", description = "of text at most")
          int megabytes,
      @Option(names = "--gigabytes", defaultValue = "1", description = "of the large token file")
          int gigabytes)
      throws IOException {
    List<Corpus> corpora =
        text == null
            ? SHIPPED.stream().map(name -> Corpus.of(name).under("datasets")).toList()
            : List.of(Files.isDirectory(text) ? Corpus.folder(text) : Corpus.file(text));
    DataBench.run(new DataBench.Plan(corpora, Tokenizer.load(tokenizer), megabytes, gigabytes));
    return 0;
  }

  @Command(name = "generate", description = "Time decoding by size and batch.")
  int generate(
      @Option(names = "--device", defaultValue = "cpu", description = "cpu (default) or gpu")
          String device,
      @Option(
              names = "--precision",
              description = "fp32, bf16, or fp16 on a CPU; by default that of the device")
          String precision,
      @Option(
              names = "--sizes",
              split = ",",
              defaultValue = "20M,60M,160M,320M",
              description = SIZES)
          List<String> sizes,
      @Option(names = "--batch", split = ",", description = "1 on the CPU, 1,64 on a GPU")
          List<Integer> batches,
      @Option(
              names = "--prompt-length",
              defaultValue = "32",
              description = "tokens of each prompt (${DEFAULT-VALUE})")
          int promptLength,
      @Option(
              names = "--new-tokens",
              defaultValue = "128",
              description = "tokens written after each (${DEFAULT-VALUE})")
          int newTokens,
      @Option(names = "--temperature", defaultValue = "0", description = "0 (default) is greedy")
          double temperature,
      @Option(
              names = "--repeats",
              defaultValue = "3",
              description = "runs of each row, the best of which counts (${DEFAULT-VALUE})")
          int repeats,
      @Option(names = "--threads", description = "CPU threads; all cores without it")
          Integer threads) {
    Device where = Device.named(device);
    if (threads != null) {
      Torch.setThreads(threads);
    }
    List<Integer> rows = batches != null ? batches : where.isGpu() ? List.of(1, 64) : List.of(1);
    GenerateBench.run(
        new GenerateBench.Plan(
            where,
            precision(precision, where),
            sizes,
            rows,
            promptLength,
            newTokens,
            temperature,
            repeats));
    return 0;
  }

  @Command(name = "kernels", description = "Time each operation of the fused step alone.")
  int kernels(
      @Option(names = "--device", defaultValue = "gpu", description = "gpu (default) or gpu:N")
          String device,
      @Option(
              names = "--sizes",
              split = ",",
              defaultValue = "20M,60M,160M,320M",
              description = SIZES)
          List<String> sizes,
      @Option(names = "--micro-batch", defaultValue = "16", description = BATCH)
          int microBatchSize) {
    KernelsBench.run(Device.named(device), sizes, microBatchSize);
    return 0;
  }

  @Command(name = "ranks", description = "Time the training loop with one process or several.")
  int ranks(
      @Mixin ProcessesOption processes,
      @Option(names = "--device", defaultValue = "cpu", description = "cpu (default) or gpu")
          String device,
      @Option(names = "--precision", description = "fp32 or bf16; by default that of the device")
          String precision,
      @Option(names = "--sizes", split = ",", defaultValue = "tiny", description = SIZES)
          List<String> sizes,
      @Option(names = "--micro-batch", defaultValue = "1", description = BATCH) int microBatchSize,
      @Option(
              names = "--length",
              defaultValue = "2048",
              description = "tokens a sequence (${DEFAULT-VALUE})")
          int length,
      @Option(names = "--accumulation", defaultValue = "1", description = "forwards of each rank")
          int accumulation,
      @Option(names = "--steps", defaultValue = "16", description = STEPS) int steps) {
    if (processes.launches()) {
      return processes.launch(device);
    }
    Device where = Device.named(device);
    RanksBench.run(
        new RanksBench.Plan(
            where,
            precision(precision, where),
            sizes,
            microBatchSize,
            length,
            accumulation,
            steps));
    return 0;
  }

  @Command(
      name = "guard",
      description = "Train in fp32, bf16 and fused bf16, and compare losses and gradient norms.")
  int guard(
      @Option(names = "--device", defaultValue = "cpu", description = "cpu (default) or gpu")
          String device,
      @Option(names = "--size", description = "one of those of bench train (20M; tiny on a CPU)")
          String size,
      @Option(names = "--micro-batch", description = "sequences a forward (64; 4 on a CPU)")
          Integer microBatchSize,
      @Option(names = "--length", description = "tokens a sequence (512; 64 on a CPU)")
          Integer length,
      @Option(names = "--steps", defaultValue = "200", description = STEPS) int steps,
      @Option(names = "--accumulation", description = "micro-batches a step (2; 1 on a CPU)")
          Integer accumulation,
      @Option(names = "--rate", description = "learning rate after 20 steps (5e-5; 2e-4 on a CPU)")
          Double rate,
      @Option(
              names = "--paths",
              split = ",",
              description =
                  "what is compared with fp32 (fused,rounded,nudged; recorded for fused on"
                      + " a CPU)")
          List<String> paths,
      @Option(names = "--no-free-runs", description = "from the same weights alone")
          boolean sameWeights,
      @Option(
              names = "--batches",
              defaultValue = "16",
              description = "whose gradients' errors are averaged at last (${DEFAULT-VALUE})")
          int batches,
      @Option(
              names = "--tokenizer",
              defaultValue = SHIPPED_TOKENIZER,
              description = "folder (${DEFAULT-VALUE})")
          String tokenizer,
      @Parameters(arity = "0..*", paramLabel = "CORPUS", description = LEARNED)
          List<String> corpora,
      @Mixin CorpusTextOptions texts) {
    GuardBench.Plan usual = GuardBench.Plan.usual(Device.named(device));
    GuardBench.Plan plan =
        new GuardBench.Plan(
            usual.device(),
            Optional.ofNullable(size).orElse(usual.size()),
            Optional.ofNullable(microBatchSize).orElse(usual.microBatchSize()),
            Optional.ofNullable(accumulation).orElse(usual.accumulation()),
            Optional.ofNullable(length).orElse(usual.length()),
            steps,
            Optional.ofNullable(rate).orElse(usual.rate()),
            Optional.ofNullable(paths).orElse(usual.paths()),
            !sameWeights,
            batches);
    String text = String.join("\n", texts.texts(orShipped(corpora)));
    return GuardBench.run(plan, Tokenizer.load(tokenizer).encode(text)) ? 0 : 1;
  }

  @Command(name = "guard-chart", description = "Draw the curves that bench guard has printed.")
  int guardChart(
      @Parameters(paramLabel = "OUTPUT", description = "file of what bench guard printed")
          Path output,
      @Parameters(paramLabel = "PNG", description = "picture to write") Path png) {
    GuardChart.draw(output, png);
    return 0;
  }

  @Command(name = "tokenizer", description = "Time our encoder, DJL's and training.")
  int tokenizer(
      @Parameters(arity = "0..*", paramLabel = "CORPUS", description = LEARNED)
          List<String> corpora,
      @Option(
              names = "--tokenizer",
              defaultValue = SHIPPED_TOKENIZER,
              description = "folder of the one that is timed (${DEFAULT-VALUE})")
          String folder,
      @Option(names = "--vocab-size", defaultValue = "4096", description = "to train; 0 for none")
          int vocabSize,
      @Mixin CorpusTextOptions texts) {
    TokenizerBench.run(Home.path(folder), texts.texts(orShipped(corpora)), vocabSize);
    return 0;
  }

  private static List<String> orShipped(List<String> corpora) {
    return corpora == null || corpora.isEmpty() ? SHIPPED : corpora;
  }

  static Precision precision(String name, Device device) {
    if (name == null) {
      return Precision.of(device);
    }
    return switch (name.toLowerCase(Locale.ROOT)) {
      case "fp32" -> Precision.FLOAT32;
      case "bf16" -> Precision.BFLOAT16;
      case "fp16" -> Precision.FLOAT16_WEIGHTS;
      default ->
          throw new dev.smalldoge.config.DogeException(
              "precision \"" + name + "\" is not known; use fp32, bf16, or fp16 to write on a CPU");
    };
  }
}
