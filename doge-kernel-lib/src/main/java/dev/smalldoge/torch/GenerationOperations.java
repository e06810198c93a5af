package dev.smalldoge.torch;

import java.util.ArrayList;
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

  /** Rows (P, D) of a table at each row's own positions, counted by the mask: (B, 1, T, D). */
  public Tensor rowsAtPositions(Tensor table, Tensor mask, int count) {
    return script.call("rows_at_positions", table, mask, count);
  }

  /** How often the arrays were written in place, as far as libtorch counts it. */
  public long versions(List<Tensor> arrays) {
    try (Tensor versions = script.call("versions", arrays)) {
      return versions.toLongs()[0];
    }
  }

  /** How the weights of a decoder are laid out. */
  public record Layout(int heads, int groups, boolean mirrored, DType type) {}

  /**
   * What {@link #decodeTokens} takes for one layer.
   *
   * @param attention q, k, v, o, dt projections and A
   * @param mlp gate, up, down projections
   * @param norms of the attention's and of the MLP's input
   * @param residuals of both
   */
  public List<Tensor> decodingLayer(
      List<Tensor> attention,
      List<Tensor> mlp,
      List<Tensor> norms,
      List<Tensor> residuals,
      Layout layout) {
    return List.of(
        script.callTuple(
            "decoding_layer",
            attention,
            mlp,
            norms,
            residuals,
            layout.heads,
            layout.groups,
            layout.mirrored,
            layout.type.code()));
  }

  /** The biases of one layer's attention. */
  public List<Tensor> decodingAttentionBiases(
      List<Tensor> attention, List<Tensor> biases, Layout layout) {
    return List.of(
        script.callTuple(
            "decoding_attention_biases",
            attention,
            biases,
            layout.heads,
            layout.groups,
            layout.mirrored,
            layout.type.code()));
  }

  /** The biases of one layer's MLP. */
  public List<Tensor> decodingMlpBiases(List<Tensor> biases, Layout layout) {
    return List.of(
        script.callTuple("decoding_mlp_biases", biases, layout.mirrored, layout.type.code()));
  }

  /** The experts of one layer: router, down and up embeddings. */
  public List<Tensor> decodingExperts(List<Tensor> experts, Tensor norm, Layout layout) {
    return List.of(
        script.callTuple("decoding_experts", experts, norm, layout.mirrored, layout.type.code()));
  }

  /** Weights of q_norm and k_norm of all layers, alternating, as the rotary tables take them. */
  public List<Tensor> decodingHeadNorms(List<Tensor> norms, Layout layout) {
    return List.of(script.callTuple("decoding_head_norms", norms, layout.heads, layout.groups));
  }

  /**
   * All weights of a decoder; see the script for their order.
   *
   * @param packed may hold none; else the matrices in {@code shared} and {@code layers} go unread
   */
  public record DecodingArrays(
      List<Tensor> shared,
      List<Tensor> layers,
      List<Tensor> attentionBiases,
      List<Tensor> mlpBiases,
      List<Tensor> experts,
      PackedMatrices packed) {}

  /** Matrices (n, d) rounded to fp16, where the device is one that {@link PackedMatrices} serve. */
  public PackedMatrices pack(List<Tensor> matrices) {
    return new PackedMatrices(script.callOpaque("pack_matrices", matrices));
  }

  /**
   * What a decoder does besides multiplying.
   *
   * @param threads how many threads share the products of a single row; 1 on a GPU
   */
  public record DecodingRules(
      int keepWindow,
      int slidingWindow,
      int expertsPerToken,
      boolean normalize,
      int threads,
      double eps) {}

  /**
   * Logits (B, V) in FLOAT32 of what follows one more token of every row.
   *
   * @param tokens INT64 (B, 1)
   * @param cos and {@code sin}: the rotary tables' row of this position, (1, D) or (B, D)
   * @param cache keys, values and biases of every layer, which get those of the tokens
   * @param position tokens already in the cache
   */
  public Tensor decodeTokens(
      Tensor tokens,
      DecodingArrays arrays,
      Tensor cos,
      Tensor sin,
      List<Tensor> cache,
      int position,
      Layout layout,
      DecodingRules rules) {
    List<Tensor> shared = new ArrayList<>(arrays.shared);
    shared.add(cos);
    shared.add(sin);
    return script.call(
        "decode_tokens",
        tokens,
        shared,
        arrays.layers,
        arrays.attentionBiases,
        arrays.mlpBiases,
        arrays.experts,
        arrays.packed,
        cache,
        position,
        layout.heads,
        layout.groups,
        rules.keepWindow,
        rules.slidingWindow,
        rules.expertsPerToken,
        rules.normalize,
        layout.mirrored,
        rules.threads,
        rules.eps);
  }
}
