package dev.smalldoge.torch;

import java.util.List;

/**
 * The named operations of generation, on one device; see {@link Operations#generation}.
 *
 * <p>Shapes: B rows, T tokens, N most new tokens, V vocabulary. None of them waits for the device.
 */
public final class GenerationOperations {
  private final Script script;

  GenerationOperations(Script script) {
    this.script = script;
  }

  /**
   * How {@link #chooseTokens} chooses; see {@code GenerationConfig} for the meaning of each.
   *
   * @param seen at most one BOOL (B, V): ids that the repetition penalty falls on
   * @param noise at most one FLOAT32 (N, B) of draws from [0, 1); without it the likeliest token
   */
  public record Choice(
      List<Tensor> seen,
      List<Tensor> noise,
      int padTokenId,
      int topK,
      double temperature,
      double topP,
      double minP,
      double penalty) {}

  /**
   * Where the chosen tokens go.
   *
   * @param output INT64 (B, N), gets the tokens of step s in column s
   * @param done BOOL (B), set at end tokens; rows that are done write padding
   * @param ends INT64 (E), the end tokens
   */
  public record Chosen(Tensor output, Tensor done, Tensor ends) {}

  /**
   * Chooses the next token of each row of logits (B, V).
   *
   * @param mayEnd whether an end token may be chosen already
   * @return the tokens, INT64 (B, 1)
   */
  public Tensor chooseTokens(
      Tensor logits, Choice choice, Chosen chosen, int step, boolean mayEnd) {
    return script.call(
        "choose_tokens",
        logits,
        chosen.output,
        chosen.done,
        chosen.ends,
        choice.seen,
        choice.noise,
        step,
        choice.padTokenId,
        mayEnd,
        choice.topK,
        choice.temperature,
        choice.topP,
        choice.minP,
        choice.penalty);
  }

  /** A copy of {@code count} columns of (B, N) from {@code start}. */
  public Tensor columns(Tensor x, int start, int count) {
    return script.call("columns", x, start, count);
  }

  /** BOOL (B, V): the ids that each row of (B, T) holds where the mask is 1. */
  public Tensor idsSeen(Tensor ids, Tensor mask, int vocabSize) {
    return script.call("ids_seen", ids, mask, vocabSize);
  }
}
