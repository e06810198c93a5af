package dev.smalldoge.eval;

import static dev.smalldoge.config.Checks.check;

import java.util.List;

/**
 * A multiple-choice question: which text goes on best after a prompt.
 *
 * @param prompt what the model reads first
 * @param choices what may follow, a leading space included
 * @param answer index of the right choice
 */
public record Question(String prompt, List<String> choices, int answer) {
  /** Checks that there is a choice, and an answer among them. */
  public Question {
    choices = List.copyOf(choices);
    check(
        choices.size() > 1,
        "a question has %d choices; give at least two: \"%s\"",
        choices.size(),
        prompt);
    check(
        answer >= 0 && answer < choices.size(),
        "answer %d of a question is not among its %d choices, which count from 0: \"%s\"",
        answer,
        choices.size(),
        prompt);
  }

  /** The same question after answered ones, an empty line between them: a few-shot prompt. */
  public Question after(List<Question> answered) {
    StringBuilder text = new StringBuilder();
    for (Question q : answered) {
      text.append(q.prompt).append(q.choices.get(q.answer)).append("\n\n");
    }
    return new Question(text + prompt, choices, answer);
  }
}
