package dev.smalldoge.io;

import dev.smalldoge.config.ModelConfig;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The names and shapes of a Doge's weights as transformers has them today, their number, and the
 * names that they had before.
 *
 * <p>Source: {@code DogeForCausalLM} of transformers; for the former names, its conversion script
 * and the small-doge repository before 2025-06.
 */
public final class WeightNames {
  /** The token embedding, (vocabSize, hiddenSize). */
  public static final String EMBEDDING = "model.embed_tokens.weight";

  /** The language-model head, (vocabSize, hiddenSize); absent if it is tied to the embedding. */
  public static final String HEAD = "lm_head.weight";

  /** The sequence-classification head, (numLabels, hiddenSize). */
  public static final String SCORE = "score.weight";

  private WeightNames() {}

  /** Every weight of a causal language model with its shape, in the order of the model. */
  public static Map<String, long[]> expected(ModelConfig c) {
    Map<String, long[]> shapes = body(c);
    if (!c.tieWordEmbeddings()) {
      shapes.put(HEAD, new long[] {c.vocabSize(), c.hiddenSize()});
    }
    return shapes;
  }

  /** Every weight of a sequence classifier with its shape, in the order of the model. */
  public static Map<String, long[]> expectedForClassification(ModelConfig c) {
    Map<String, long[]> shapes = body(c);
    shapes.put(SCORE, new long[] {c.numLabels(), c.hiddenSize()});
    return shapes;
  }

  private static Map<String, long[]> body(ModelConfig c) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put(EMBEDDING, new long[] {c.vocabSize(), c.hiddenSize()});
    for (int layer = 0; layer < c.numHiddenLayers(); layer++) {
      addLayer(shapes, "model.layers." + layer + ".", c);
    }
    shapes.put("model.norm.weight", new long[] {c.hiddenSize()});
    return shapes;
  }

  private static void addLayer(Map<String, long[]> shapes, String layer, ModelConfig c) {
    long d = c.hiddenSize();
    long kv = (long) c.numKeyValueHeads() * c.headDim();
    long inner = c.intermediateSize();
    String attention = layer + "self_attn.";
    String mlp = layer + "mlp.";
    shapes.put(layer + "input_layernorm.weight", new long[] {d});
    shapes.put(layer + "input_residual", new long[] {d});
    addLinear(shapes, attention + "q_proj", d, d, c.attentionBias());
    addLinear(shapes, attention + "k_proj", kv, d, c.attentionBias());
    addLinear(shapes, attention + "v_proj", kv, d, c.attentionBias());
    addLinear(shapes, attention + "o_proj", d, d, c.attentionBias());
    addLinear(shapes, attention + "dt_proj", c.numKeyValueHeads(), kv, c.attentionBias());
    shapes.put(attention + "A", new long[] {c.numKeyValueHeads()});
    shapes.put(attention + "q_norm.weight", new long[] {c.headDim()});
    shapes.put(attention + "k_norm.weight", new long[] {c.headDim()});
    shapes.put(layer + "post_attention_layernorm.weight", new long[] {d});
    shapes.put(layer + "post_attention_residual", new long[] {d});
    addLinear(shapes, mlp + "gate_proj", inner, d, c.mlpBias());
    addLinear(shapes, mlp + "up_proj", inner, d, c.mlpBias());
    addLinear(shapes, mlp + "down_proj", d, inner, c.mlpBias());
    if (c.isMoe()) {
      shapes.put(mlp + "router_gate.weight", new long[] {2L * c.numKeys(), d});
      shapes.put(mlp + "down_embed.weight", new long[] {c.numExperts(), d});
      shapes.put(mlp + "up_embed.weight", new long[] {c.numExperts(), d});
    }
  }

  private static void addLinear(
      Map<String, long[]> shapes, String name, long out, long in, boolean bias) {
    shapes.put(name + ".weight", new long[] {out, in});
    if (bias) {
      shapes.put(name + ".bias", new long[] {out});
    }
  }

  /** Whether a weight belongs to the router or the experts of a CDMoE. */
  public static boolean isExpert(String name) {
    return name.matches(".*\\.mlp\\.(router_gate|down_embed|up_embed)\\.weight");
  }

  /** Number of parameters; a tied head counts once. */
  public static long parameterCount(ModelConfig config) {
    return countsByPart(config).values().stream().mapToLong(Long::longValue).sum();
  }

  /** Number of parameters that act on one token: of the experts, only those it is routed to. */
  public static long activeParameterCount(ModelConfig c) {
    long idle =
        c.isMoe()
            ? 2L * (c.numExperts() - c.numExpertsPerTok()) * c.hiddenSize() * c.numHiddenLayers()
            : 0;
    return parameterCount(c) - idle;
  }

  /** Number of parameters by part, the parts in the order of the model; none is zero. */
  public static Map<String, Long> countsByPart(ModelConfig config) {
    Map<String, Long> counts = new LinkedHashMap<>();
    expected(config)
        .forEach(
            (name, shape) -> {
              long elements = 1;
              for (long dimension : shape) {
                elements *= dimension;
              }
              counts.merge(part(name), elements, Long::sum);
            });
    return counts;
  }

  private static String part(String name) {
    if (name.equals(EMBEDDING)) {
      return "embedding";
    } else if (name.equals(HEAD)) {
      return "head";
    } else if (name.contains("norm.")) {
      return "norms";
    } else if (name.endsWith("_residual")) {
      return "residual vectors";
    } else if (isExpert(name)) {
      return name.contains("router_gate") ? "router" : "experts";
    } else if (name.contains(".dt_proj.") || name.endsWith(".A")) {
      return "dynamic mask";
    }
    return name.contains(".self_attn.") ? "attention" : "mlp";
  }

  /**
   * Of the weights that {@code config} has, today's name and the name under which a file with these
   * {@code names} holds it; what the file does not hold is left out. {@link ModelWeights} checks
   * more.
   */
  public static Map<String, String> storedNames(Set<String> names, ModelConfig config) {
    Set<String> expected = expected(config).keySet();
    Map<String, String> stored = new LinkedHashMap<>();
    for (String name : names) {
      today(name).filter(expected::contains).ifPresent(today -> stored.put(today, name));
    }
    return stored;
  }

  /**
   * Today's name of a weight; today's names stay as they are. Empty for what today's model does not
   * have: the router's former bias, and rotary tables.
   */
  public static Optional<String> today(String name) {
    String full =
        name.matches("(layers|embed_tokens|word_embed|norm|final_layernorm)\\..*")
            ? "model." + name // saved without a head
            : name;
    if (full.contains("rotary_emb.") || full.endsWith("feed_forward.router_gate.bias")) {
      return Optional.empty();
    }
    return Optional.of(
        full.replaceFirst("^model\\.word_embed\\.", "model.embed_tokens.")
            .replaceFirst("^model\\.final_layernorm\\.", "model.norm.")
            .replaceFirst("\\.pre_layernorm\\.", ".input_layernorm.")
            .replaceFirst("\\.post_layernorm\\.", ".post_attention_layernorm.")
            .replaceFirst("\\.pre_residual\\.weight$", ".input_residual")
            .replaceFirst("\\.post_residual\\.weight$", ".post_attention_residual")
            .replaceFirst("_residual\\.weight$", "_residual")
            .replaceFirst("\\.feed_forward\\.", ".mlp."));
  }
}
