package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * How many parameters a configuration has, by part.
 *
 * @param byPart parameters of the embedding, attention, MLP, experts, norms and residual vectors,
 *     and an untied head
 * @param active parameters that multiply each token, the head included: of the experts, those
 *     chosen
 */
public record ParameterCount(Map<String, Long> byPart, long active) {
  /** Counts a configuration's parameters; a tied head counts once. */
  public static ParameterCount of(ModelConfig config) {
    Map<String, Long> parts = new LinkedHashMap<>();
    WeightShapes.of(config)
        .forEach(
            (name, shape) ->
                parts.merge(
                    part(name), Arrays.stream(shape).reduce(1, (a, b) -> a * b), Long::sum));
    long total = sum(parts);
    long unusedExperts = 0;
    if (config.isMoe()) {
      long idle = (long) config.numExperts() - config.numExpertsPerTok();
      unusedExperts = 2 * idle * config.hiddenSize() * config.numHiddenLayers();
    }
    long lookupOnly =
        config.tieWordEmbeddings() ? 0 : (long) config.vocabSize() * config.hiddenSize();
    return new ParameterCount(parts, total - unusedExperts - lookupOnly);
  }

  private static String part(String name) {
    if (name.equals(WeightShapes.EMBEDDING)) {
      return "embedding";
    }
    if (name.equals(WeightShapes.HEAD)) {
      return "head";
    }
    if (Weights.isExpert(name)) {
      return "experts";
    }
    if (name.contains(".self_attn.")) {
      return "attention";
    }
    return name.contains(".mlp.") ? "MLP" : "norms, residual";
  }

  private static long sum(Map<String, Long> parts) {
    return parts.values().stream().mapToLong(Long::longValue).sum();
  }

  /** All parameters. */
  public long total() {
    return sum(byPart);
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    byPart.forEach(
        (part, count) ->
            text.append(
                String.format(
                    Locale.ROOT, "%-16s %,14d  %4.1f %%%n", part, count, 100.0 * count / total())));
    return text.append(String.format(Locale.ROOT, "%-16s %,14d", "parameters", total())).toString();
  }
}
