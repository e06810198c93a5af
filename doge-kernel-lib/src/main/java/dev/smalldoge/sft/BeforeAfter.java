package dev.smalldoge.sft;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.generate.Generation;
import dev.smalldoge.generate.Html;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.tokenizer.ChatTemplate;
import dev.smalldoge.tokenizer.Message;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The same questions answered by several models, greedily: what a stage changed.
 *
 * <p>Example: {@code BeforeAfter.ask("What is a tuple?").of("base", base).of("SFT", run.model())}.
 *
 * @param questions what each model is asked, through its chat template
 * @param answers the answers to all questions by the name of the model
 */
public record BeforeAfter(List<String> questions, Map<String, List<String>> answers) {
  private static final int MAX_NEW_TOKENS = 48;

  /** Checks that there is a question, and an answer of each model to each. */
  public BeforeAfter {
    questions = List.copyOf(questions);
    answers = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(answers));
    check(!questions.isEmpty(), "there is no question; give at least one");
    int asked = questions.size();
    answers.forEach(
        (name, given) ->
            check(
                given.size() == asked,
                "%s gave %d answers to %d questions; ask it again",
                name,
                given.size(),
                asked));
  }

  /** A table that no model has answered yet. */
  public static BeforeAfter ask(String... questions) {
    return new BeforeAfter(List.of(questions), Map.of());
  }

  /** The table with the answers of one model more. */
  public BeforeAfter of(String name, LanguageModel model) {
    ChatTemplate template = model.tokenizer().chatTemplate();
    List<String> prompts =
        questions.stream().map(q -> template.render(List.of(Message.user(q)), true)).toList();
    List<String> texts =
        model.generator().maxNewTokens(MAX_NEW_TOKENS).run(prompts).stream()
            .map(Generation::text)
            .map(String::strip)
            .toList();
    Map<String, List<String>> more = new LinkedHashMap<>(answers);
    more.put(name, texts);
    return new BeforeAfter(questions, more);
  }

  /** How many answers differ between two of the models. */
  public long changed(String before, String after) {
    long changed = 0;
    for (int i = 0; i < questions.size(); i++) {
      changed += given(before).get(i).equals(given(after).get(i)) ? 0 : 1;
    }
    return changed;
  }

  private List<String> given(String name) {
    List<String> given = answers.get(name);
    check(given != null, "no model is named %s; there are %s", name, answers.keySet());
    return given;
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < questions.size(); i++) {
      text.append("> ").append(questions.get(i)).append("\n");
      for (Map.Entry<String, List<String>> one : answers.entrySet()) {
        String answer = one.getValue().get(i).replace("\n", "\n    ");
        text.append("  ").append(one.getKey()).append(": ").append(answer).append("\n");
      }
    }
    return text.toString().stripTrailing();
  }

  /** The table with a row for each question and a column for each model. */
  public String toHtml() {
    StringBuilder html = new StringBuilder("<table><tr><th>question</th>");
    answers.keySet().forEach(name -> html.append(cell("th", name)));
    html.append("</tr>");
    for (int i = 0; i < questions.size(); i++) {
      html.append("<tr>").append(cell("td", questions.get(i)));
      for (List<String> given : answers.values()) {
        html.append(cell("td", given.get(i)));
      }
      html.append("</tr>");
    }
    return html.append("</table>").toString();
  }

  private static String cell(String kind, String text) {
    return String.format(
        "<%s style=\"text-align:left;vertical-align:top;white-space:pre-wrap\">%s</%s>",
        kind, Html.escape(text), kind);
  }
}
