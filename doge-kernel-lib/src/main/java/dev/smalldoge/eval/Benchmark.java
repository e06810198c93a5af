package dev.smalldoge.eval;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.smalldoge.config.DogeException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The multiple-choice benchmarks of the small-doge evaluation, read from JSON lines with the
 * columns that the sets have on the Hugging Face hub.
 *
 * <p>Source: the prompts of small-doge's lighteval tasks ({@code custom|arc}, {@code custom|mmlu}
 * in its cloze form, and so on), zero-shot; {@link Question#after} adds shots.
 *
 * <p>Example: {@code Benchmark.PIQA.read(Path.of("piqa.jsonl"))}.
 */
public enum Benchmark {
  /** ARC-Easy or ARC-Challenge: question, choices {text, label}, answerKey. */
  ARC,
  /** OpenBookQA: question_stem, choices {text, label}, answerKey. */
  OPENBOOK_QA,
  /** HellaSwag: activity_label, ctx_a, ctx_b, endings, label. */
  HELLASWAG,
  /** Winogrande: sentence with a "_", option1, option2, answer 1 or 2. */
  WINOGRANDE,
  /** PIQA: goal, sol1, sol2, label. */
  PIQA,
  /** MMLU: subject, question, choices, answer; the choices' texts are scored, not their letters. */
  MMLU;

  /** The benchmark of this name, as {@code piqa} or {@code openbook-qa}. */
  public static Benchmark named(String name) {
    for (Benchmark benchmark : values()) {
      if (benchmark.toString().equals(name.toLowerCase(Locale.ROOT).replace('_', '-'))) {
        return benchmark;
      }
    }
    throw new DogeException(
        "benchmark \"" + name + "\" is not known; use " + List.of(values()).toString());
  }

  /**
   * Reads the questions of a JSON-lines file.
   *
   * @throws DogeException naming the line and the column that does not fit
   */
  public List<Question> read(Path jsonLines) {
    return JsonLines.read(jsonLines, this::question);
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private Question question(JsonObject row) {
    return switch (this) {
      case ARC -> labelled(row, asked(text(row, "question")));
      case OPENBOOK_QA -> labelled(row, text(row, "question_stem"));
      case HELLASWAG -> hellaswag(row);
      case WINOGRANDE -> winogrande(row);
      case PIQA ->
          new Question(
              asked(text(row, "goal")),
              List.of(" " + text(row, "sol1"), " " + text(row, "sol2")),
              number(row, "label"));
      case MMLU ->
          new Question(
              "The following are questions about "
                  + text(row, "subject").replace('_', ' ')
                  + ".\n"
                  + asked(text(row, "question")),
              spaced(array(row, "choices")),
              number(row, "answer"));
    };
  }

  private static String asked(String question) {
    return "Question: " + question + "\nAnswer:";
  }

  private static Question labelled(JsonObject row, String prompt) {
    JsonObject choices = row.getAsJsonObject("choices");
    check(choices != null, "it has no \"choices\" with \"text\" and \"label\"");
    List<String> labels = strings(array(choices, "label"));
    String key = text(row, "answerKey");
    int answer = labels.indexOf(key);
    check(answer >= 0, "answerKey \"%s\" is none of its labels %s", key, labels);
    return new Question(prompt, spaced(array(choices, "text")), answer);
  }

  private static Question hellaswag(JsonObject row) {
    String after = text(row, "ctx_b");
    String capital =
        after.isEmpty() ? "" : after.substring(0, 1).toUpperCase(Locale.ROOT) + after.substring(1);
    String prompt =
        withoutBrackets(text(row, "activity_label") + ": " + text(row, "ctx_a") + " " + capital);
    List<String> endings = new ArrayList<>();
    strings(array(row, "endings")).forEach(e -> endings.add(" " + withoutBrackets(e)));
    return new Question(prompt, endings, number(row, "label"));
  }

  /** WikiHow's marks taken out: titles become sentences, other brackets go. */
  private static String withoutBrackets(String text) {
    return text.replace(" [title]", ". ").replaceAll("\\[.*?\\]", "").replace("  ", " ").strip();
  }

  private static Question winogrande(JsonObject row) {
    String sentence = text(row, "sentence");
    int gap = sentence.indexOf('_');
    check(gap >= 0, "its sentence has no \"_\" to fill: \"%s\"", sentence);
    String rest = sentence.substring(gap + 1);
    return new Question(
        sentence.substring(0, gap).stripTrailing(),
        List.of(" " + text(row, "option1") + rest, " " + text(row, "option2") + rest),
        number(row, "answer") - 1);
  }

  private static List<String> spaced(JsonArray texts) {
    return strings(texts).stream().map(t -> " " + t).toList();
  }

  private static List<String> strings(JsonArray array) {
    List<String> strings = new ArrayList<>();
    array.forEach(e -> strings.add(e.getAsString()));
    return strings;
  }

  private static String text(JsonObject row, String column) {
    return value(row, column).getAsString();
  }

  /** A number, which some sets write as text. */
  private static int number(JsonObject row, String column) {
    String value = text(row, column);
    check(value.matches("-?\\d{1,9}"), "\"%s\" is %s, not a whole number", column, value);
    return Integer.parseInt(value);
  }

  private static JsonArray array(JsonObject row, String column) {
    JsonElement value = value(row, column);
    check(value.isJsonArray(), "\"%s\" is %s, not a list", column, value);
    return value.getAsJsonArray();
  }

  private static JsonElement value(JsonObject row, String column) {
    JsonElement value = row.get(column);
    check(value != null && !value.isJsonNull(), "it has no \"%s\", but %s", column, row.keySet());
    return value;
  }
}
