package dev.smalldoge.config;

import static dev.smalldoge.config.Checks.check;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Low-rank adapters in place of whole weights: each target weight W becomes W + alpha / rank · B A,
 * and only A and B train.
 *
 * <p>Source: arXiv:2106.09685; the names are PEFT's, in camel case.
 *
 * @param rank rows of A, at least 1
 * @param alpha scale of the product times the rank, above 0
 * @param targetModules last parts of the names of the linear layers that get an adapter
 */
public record LoraSettings(int rank, double alpha, List<String> targetModules) {
  /** The linear layers of every decoder layer but the router. */
  public static final List<String> ALL_LINEAR =
      List.of("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj");

  private static final Set<String> KNOWN =
      Set.of(
          "q_proj",
          "k_proj",
          "v_proj",
          "o_proj",
          "dt_proj",
          "gate_proj",
          "up_proj",
          "down_proj",
          "router_gate");

  /** Checks the ranges. */
  public LoraSettings {
    targetModules = List.copyOf(targetModules);
    check(rank > 0, "rank %d is not positive; use 8", rank);
    check(alpha > 0 && Double.isFinite(alpha), "alpha %s is not positive; use %d", alpha, 2 * rank);
    check(!targetModules.isEmpty(), "target_modules is empty; use %s", ALL_LINEAR);
    for (String module : targetModules) {
      check(
          KNOWN.contains(module),
          "target_modules has \"%s\"%s; Doge's linear layers are %s",
          module,
          NearestWord.hint(module, KNOWN),
          new java.util.TreeSet<>(KNOWN));
    }
  }

  /** Rank {@code rank} with alpha 2 · rank in all linear layers. */
  public static LoraSettings ofRank(int rank) {
    return new LoraSettings(rank, 2.0 * rank, ALL_LINEAR);
  }

  /** The same with another alpha. */
  public LoraSettings withAlpha(double newAlpha) {
    return new LoraSettings(rank, newAlpha, targetModules);
  }

  /** The same in other layers. */
  public LoraSettings withTargetModules(String... modules) {
    return new LoraSettings(rank, alpha, List.of(modules));
  }

  /** Factor of B A: alpha / rank. */
  public double scale() {
    return alpha / rank;
  }

  /** Reads the keys of a recipe's {@code lora}; null where there is none. */
  static LoraSettings read(Fields f) {
    if (f.keys().isEmpty()) {
      return null;
    }
    f.requireKnown(Set.of("rank", "alpha", "target_modules"));
    f.require("rank");
    int rank = f.integer("rank", 8);
    return new LoraSettings(
        rank, f.number("alpha", 2.0 * rank), f.texts("target_modules", ALL_LINEAR));
  }

  Map<String, Object> keys() {
    Map<String, Object> keys = new LinkedHashMap<>();
    keys.put("rank", rank);
    keys.put("alpha", alpha);
    keys.put("target_modules", targetModules);
    return keys;
  }
}
