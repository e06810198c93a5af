package dev.smalldoge.eval;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.smalldoge.config.GenerationConfig;
import dev.smalldoge.generate.Generation;
import dev.smalldoge.generate.LanguageModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Questions that a model answers in its own words, right if the words are those of a known answer:
 * TriviaQA's form.
 *
 * <p>As small-doge's {@code trivia_qa}: greedy, at most 20 new tokens, ended by "Question", and
 * compared in lower case without punctuation, articles and repeated spaces.
 */
public final class OpenQuestions {
  private static final int BATCH = 16;

  /** A prompt and every answer that is right. */
  public record OpenQuestion(String prompt, List<String> answers) {
    /** Checks that there is an answer. */
    public OpenQuestion {
      answers = List.copyOf(answers);
      check(!answers.isEmpty(), "a question has no answer: \"%s\"", prompt);
    }

    /** The same question after answered ones, an empty line between them. */
    public OpenQuestion after(List<OpenQuestion> answered) {
      StringBuilder text = new StringBuilder();
      answered.forEach(
          q -> text.append(q.prompt).append(' ').append(q.answers.get(0)).append("\n\n"));
      return new OpenQuestion(text + prompt, answers);
    }
  }

  /** How many questions were answered rightly. */
  public record ExactMatch(int questions, int right) {
    /** Share of right answers, 0 to 1. */
    public double accuracy() {
      return right / (double) questions;
    }

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT, "exact match %.1f %% of %d questions", 100 * accuracy(), questions);
    }
  }

  private OpenQuestions() {}

  /** Reads TriviaQA's JSON lines: question, answer {value, aliases}. */
  public static List<OpenQuestion> readTriviaQa(Path jsonLines) {
    return JsonLines.read(jsonLines, OpenQuestions::triviaQa);
  }

  private static OpenQuestion triviaQa(JsonObject row) {
    check(
        row.has("question") && row.has("answer") && row.get("answer").isJsonObject(),
        "it has no \"question\" and \"answer\" with \"value\" and \"aliases\"");
    JsonObject answer = row.getAsJsonObject("answer");
    List<String> answers = new ArrayList<>();
    if (answer.has("value")) {
      answers.add(answer.get("value").getAsString());
    }
    if (answer.has("aliases")) {
      JsonArray aliases = answer.getAsJsonArray("aliases");
      aliases.forEach(a -> answers.add(a.getAsString()));
    }
    return new OpenQuestion(
        "Question: " + row.get("question").getAsString() + "\nAnswer:", answers);
  }

  /** Lets a model answer. */
  public static ExactMatch score(LanguageModel model, List<OpenQuestion> questions) {
    check(!questions.isEmpty(), "there are no questions; give at least one");
    GenerationConfig greedy = model.generationConfig().withMaxNewTokens(20);
    int right = 0;
    for (int i = 0; i < questions.size(); i += BATCH) {
      List<OpenQuestion> some = questions.subList(i, Math.min(questions.size(), i + BATCH));
      List<Generation> made =
          model
              .generator()
              .config(greedy)
              .stopAt("Question")
              .run(some.stream().map(OpenQuestion::prompt).toList());
      for (int k = 0; k < some.size(); k++) {
        right += isRight(made.get(k).text(), some.get(k).answers()) ? 1 : 0;
      }
    }
    return new ExactMatch(questions.size(), right);
  }

  static boolean isRight(String written, List<String> answers) {
    String plain = plain(written);
    return answers.stream().anyMatch(a -> plain(a).equals(plain));
  }

  private static String plain(String text) {
    return text.toLowerCase(Locale.ROOT)
        .replaceAll("\\p{Punct}", "")
        .replaceAll("\\b(a|an|the)\\b", " ")
        .replaceAll("\\s+", " ")
        .strip();
  }
}
