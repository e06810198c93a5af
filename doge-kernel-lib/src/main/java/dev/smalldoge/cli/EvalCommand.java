package dev.smalldoge.cli;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.data.Corpus;
import dev.smalldoge.eval.Benchmark;
import dev.smalldoge.eval.MultipleChoice;
import dev.smalldoge.eval.OpenQuestions;
import dev.smalldoge.eval.Question;
import dev.smalldoge.eval.TextScore;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.torch.Device;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Measures a model on held-out text and on benchmarks. */
@Command(
    name = "eval",
    description = "Loss and bits per byte of a text; accuracy on benchmarks in JSON lines.")
final class EvalCommand implements Callable<Integer> {
  @Parameters(paramLabel = "MODEL", description = "a folder with model and tokenizer")
  private Path folder;

  @Option(names = "--text", description = "a file or folder with held-out text")
  private Path text;

  @Option(
      names = "--task",
      paramLabel = "NAME=FILE",
      description = "arc, openbook-qa, hellaswag, winogrande, piqa, mmlu or trivia-qa")
  private Map<String, Path> tasks = Map.of();

  @Option(
      names = "--few-shot",
      defaultValue = "0",
      description = "answered questions before each (${DEFAULT-VALUE})")
  private int fewShot;

  @Option(
      names = "--limit",
      defaultValue = "1000",
      description = "most texts, or questions a task (${DEFAULT-VALUE})")
  private int limit;

  @Option(names = "--device", description = "cpu, gpu or gpu:N; the best one without it")
  private String device;

  @Override
  public Integer call() {
    check(text != null || !tasks.isEmpty(), "nothing is to be measured; give --text or --task");
    check(limit > 0, "--limit %d is not positive; use 1000", limit);
    check(fewShot >= 0, "--few-shot %d is negative; use 0 for none", fewShot);
    Device where = device == null ? Device.best() : Device.named(device);
    try (LanguageModel model = LanguageModel.open(folder, where)) {
      if (text != null) {
        Corpus corpus = Files.isDirectory(text) ? Corpus.folder(text) : Corpus.file(text);
        System.out.println(TextScore.of(model, corpus.texts(), limit));
      }
      tasks.forEach((name, file) -> System.out.println(score(model, name, file)));
    }
    return 0;
  }

  private Object score(LanguageModel model, String name, Path file) {
    if (name.equals("trivia-qa")) {
      List<OpenQuestions.OpenQuestion> all = OpenQuestions.readTriviaQa(file);
      List<OpenQuestions.OpenQuestion> shots = first(all, fewShot);
      return name
          + ": "
          + OpenQuestions.score(
              model, asked(all).stream().map(question -> question.after(shots)).toList());
    }
    List<Question> all = Benchmark.named(name).read(file);
    List<Question> shots = first(all, fewShot);
    return MultipleChoice.score(
        model, name, asked(all).stream().map(question -> question.after(shots)).toList());
  }

  /** What is asked: the questions that do not serve as answered ones. */
  private <T> List<T> asked(List<T> all) {
    check(
        all.size() > fewShot,
        "the file has %d questions, and %d of them are to be answered ones; lower --few-shot",
        all.size(),
        fewShot);
    return first(all.subList(fewShot, all.size()), limit);
  }

  private static <T> List<T> first(List<T> all, int most) {
    return all.subList(0, Math.min(all.size(), most));
  }
}
