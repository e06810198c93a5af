package dev.smalldoge.eval;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.eval.ContinuationScorer.Scored;
import dev.smalldoge.generate.LanguageModel;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleBiFunction;

/**
 * Answers multiple-choice questions by the log-probability of each choice after the prompt.
 *
 * <p>Example: {@code MultipleChoice.score(model, "piqa", Benchmark.PIQA.read(file))}.
 */
public final class MultipleChoice {
  private MultipleChoice() {}

  /** Scores a model; the questions are read in batches of like length. */
  public static ChoiceScore score(LanguageModel model, String task, List<Question> questions) {
    check(!questions.isEmpty(), "%s has no questions; give at least one", task);
    ContinuationScorer scorer = new ContinuationScorer(model);
    List<Scored> rows = new ArrayList<>();
    for (Question q : questions) {
      q.choices().forEach(choice -> rows.add(scorer.encode(q.prompt(), choice)));
    }
    double[] nats = scorer.score(rows);
    return new ChoiceScore(
        task,
        questions.size(),
        share(questions, nats, (choice, sum) -> sum),
        share(questions, nats, (choice, sum) -> sum / choice.stripLeading().length()),
        questions.stream().mapToDouble(q -> 1.0 / q.choices().size()).average().getAsDouble());
  }

  private static double share(
      List<Question> questions, double[] nats, ToDoubleBiFunction<String, Double> worth) {
    int right = 0;
    int at = 0;
    for (Question q : questions) {
      int best = 0;
      double most = Double.NEGATIVE_INFINITY;
      for (int i = 0; i < q.choices().size(); i++) {
        double value = worth.applyAsDouble(q.choices().get(i), nats[at++]);
        if (value > most) {
          most = value;
          best = i;
        }
      }
      right += best == q.answer() ? 1 : 0;
    }
    return right / (double) questions.size();
  }
}
