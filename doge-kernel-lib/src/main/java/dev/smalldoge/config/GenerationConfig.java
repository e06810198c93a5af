package dev.smalldoge.config;

import static dev.smalldoge.config.Checks.check;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * How a model writes: what ends a text, and how the next token is chosen.
 *
 * <p>Component names and defaults are those of {@code generation_config.json} in Hugging Face
 * transformers, but for {@code maxNewTokens}: there, 20 counts the prompt too.
 *
 * <p>Example: {@code GenerationConfig.DEFAULT.with(g -> { g.doSample = true; g.temperature = 0.8;
 * })}.
 *
 * @param maxNewTokens most tokens to write, at least 1
 * @param minNewTokens tokens to write before an end token counts, 0 for none
 * @param doSample whether to draw from the distribution; otherwise the likeliest token is taken
 * @param temperature divides the logits before drawing, above 0
 * @param topK draw from this many likeliest tokens; 0 for all
 * @param topP draw from the likeliest tokens that together have this probability, in (0, 1]
 * @param minP draw from tokens with at least this share of the likeliest one's probability, in [0,
 *     1); 0 for off
 * @param repetitionPenalty divides the positive and multiplies the negative logits of tokens that
 *     have appeared; 1 for off, above 0
 * @param bosTokenId id that opens a text
 * @param eosTokenIds ids of which each ends a text
 * @param padTokenId id that fills finished rows of a batch
 */
public record GenerationConfig(
    int maxNewTokens,
    int minNewTokens,
    boolean doSample,
    double temperature,
    int topK,
    double topP,
    double minP,
    double repetitionPenalty,
    int bosTokenId,
    List<Integer> eosTokenIds,
    int padTokenId) {
  /** Greedy, 20 new tokens, ids of the Doge tokenizer. */
  public static final GenerationConfig DEFAULT = new Edit().build();

  /**
   * Keys of {@code generation_config.json} that choose a way of writing which is not made here, by
   * the value that stands for off.
   */
  private static final Map<String, Object> OFF =
      Map.of(
          "num_beams",
          1L,
          "num_beam_groups",
          1L,
          "penalty_alpha",
          0.0,
          "typical_p",
          1.0,
          "epsilon_cutoff",
          0.0,
          "eta_cutoff",
          0.0,
          "no_repeat_ngram_size",
          0L,
          "num_return_sequences",
          1L);

  /** Checks the ranges. */
  public GenerationConfig {
    eosTokenIds = List.copyOf(eosTokenIds);
    check(maxNewTokens > 0, "maxNewTokens %d is not positive; use 100", maxNewTokens);
    check(
        minNewTokens >= 0 && minNewTokens <= maxNewTokens,
        "minNewTokens %d is outside 0 to maxNewTokens %d; use 0",
        minNewTokens,
        maxNewTokens);
    check(
        temperature > 0 && Double.isFinite(temperature),
        "temperature %s is not positive; use 0.8, or doSample false for the likeliest token",
        temperature);
    check(topK >= 0, "topK %d is negative; use 50, or 0 for all tokens", topK);
    check(topP > 0 && topP <= 1, "topP %s is outside (0, 1]; use 0.9, or 1 for all tokens", topP);
    check(minP >= 0 && minP < 1, "minP %s is outside [0, 1); use 0.05, or 0 for off", minP);
    check(
        repetitionPenalty > 0 && Double.isFinite(repetitionPenalty),
        "repetitionPenalty %s is not positive; use 1.1, or 1 for off",
        repetitionPenalty);
    for (int id : eosTokenIds) {
      check(id >= 0, "eosTokenId %d is negative; use the tokenizer's own", id);
    }
    check(bosTokenId >= 0, "bosTokenId %d is negative; use the tokenizer's own", bosTokenId);
    check(padTokenId >= 0, "padTokenId %d is negative; use the tokenizer's own", padTokenId);
  }

  /** Greedy defaults with the ids of a model. */
  public static GenerationConfig of(ModelConfig model) {
    return DEFAULT.with(
        g -> {
          g.bosTokenId = model.bosTokenId();
          g.eosTokenIds = List.of(model.eosTokenId());
          g.padTokenId = model.padTokenId();
        });
  }

  /**
   * Reads the keys of a {@code generation_config.json}; absent ones are as in {@link #of}.
   *
   * @throws DogeException if a value is out of range, or asks for a way of writing not made here
   */
  public static GenerationConfig read(Fields f, ModelConfig model) {
    OFF.forEach(
        (key, off) ->
            check(
                !f.has(key) || f.number(key, 0) == ((Number) off).doubleValue(),
                "%s: %s %s is not made here; leave it out, or set it to %s",
                f.where(),
                key,
                f.raw(key),
                off));
    Edit e = new Edit(of(model));
    e.maxNewTokens = f.integer("max_new_tokens", e.maxNewTokens);
    e.minNewTokens = f.integer("min_new_tokens", e.minNewTokens);
    e.doSample = f.flag("do_sample", e.doSample);
    e.temperature = f.number("temperature", e.temperature);
    e.topK = f.integer("top_k", e.topK);
    e.topP = f.number("top_p", e.topP);
    e.minP = f.number("min_p", e.minP);
    e.repetitionPenalty = f.number("repetition_penalty", e.repetitionPenalty);
    e.bosTokenId = f.integer("bos_token_id", e.bosTokenId);
    e.eosTokenIds = f.has("eos_token_id") ? f.integers("eos_token_id") : e.eosTokenIds;
    e.padTokenId = f.integer("pad_token_id", e.padTokenId);
    try {
      return e.build();
    } catch (DogeException refused) {
      throw new DogeException(f.where() + ": " + refused.getMessage(), refused);
    }
  }

  /** The keys that differ from the defaults, and the ids, in alphabetic order. */
  public Map<String, Object> keys() {
    Map<String, Object> keys = new TreeMap<>();
    keys.put("bos_token_id", bosTokenId);
    keys.put("eos_token_id", eosTokenIds.size() == 1 ? eosTokenIds.get(0) : eosTokenIds);
    keys.put("pad_token_id", padTokenId);
    different(keys, "max_new_tokens", maxNewTokens, DEFAULT.maxNewTokens);
    different(keys, "min_new_tokens", minNewTokens, DEFAULT.minNewTokens);
    different(keys, "do_sample", doSample, DEFAULT.doSample);
    different(keys, "temperature", temperature, DEFAULT.temperature);
    different(keys, "top_k", topK, DEFAULT.topK);
    different(keys, "top_p", topP, DEFAULT.topP);
    different(keys, "min_p", minP, DEFAULT.minP);
    different(keys, "repetition_penalty", repetitionPenalty, DEFAULT.repetitionPenalty);
    return keys;
  }

  private static void different(Map<String, Object> keys, String key, Object value, Object usual) {
    if (!value.equals(usual)) {
      keys.put(key, value);
    }
  }

  /** This configuration with another length, in tokens. */
  public GenerationConfig withMaxNewTokens(int maxNewTokens) {
    return with(g -> g.maxNewTokens = maxNewTokens);
  }

  /** This configuration drawing at {@code temperature}, with {@code doSample} on. */
  public GenerationConfig withTemperature(double temperature) {
    return with(
        g -> {
          g.doSample = true;
          g.temperature = temperature;
        });
  }

  /** This configuration with another {@code topP}. */
  public GenerationConfig withTopP(double topP) {
    return with(g -> g.topP = topP);
  }

  /** This configuration with another {@code topK}. */
  public GenerationConfig withTopK(int topK) {
    return with(g -> g.topK = topK);
  }

  /** This configuration with another repetition penalty. */
  public GenerationConfig withRepetitionPenalty(double repetitionPenalty) {
    return with(g -> g.repetitionPenalty = repetitionPenalty);
  }

  /** This configuration with any components changed at once. */
  public GenerationConfig with(Consumer<Edit> change) {
    Edit edit = new Edit(this);
    change.accept(edit);
    return edit.build();
  }

  /** The components while they are being changed. */
  public static final class Edit {
    public int maxNewTokens = 20;
    public int minNewTokens;
    public boolean doSample;
    public double temperature = 1;
    public int topK = 50;
    public double topP = 1;
    public double minP;
    public double repetitionPenalty = 1;
    public int bosTokenId;
    public List<Integer> eosTokenIds = List.of(1);
    public int padTokenId = 2;

    /** The defaults. */
    public Edit() {}

    private Edit(GenerationConfig c) {
      maxNewTokens = c.maxNewTokens;
      minNewTokens = c.minNewTokens;
      doSample = c.doSample;
      temperature = c.temperature;
      topK = c.topK;
      topP = c.topP;
      minP = c.minP;
      repetitionPenalty = c.repetitionPenalty;
      bosTokenId = c.bosTokenId;
      eosTokenIds = c.eosTokenIds;
      padTokenId = c.padTokenId;
    }

    /** The checked configuration. */
    public GenerationConfig build() {
      return new GenerationConfig(
          maxNewTokens,
          minNewTokens,
          doSample,
          temperature,
          topK,
          topP,
          minP,
          repetitionPenalty,
          bosTokenId,
          eosTokenIds,
          padTokenId);
    }
  }
}
