package dev.smalldoge.io;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import dev.smalldoge.config.ModelConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Placeholder until config files land. */
public final class ConfigFiles {
  private ConfigFiles() {}

  /** temp. */
  public static ModelConfig readModelConfig(Path p) {
    try {
      JsonObject o = new Gson().fromJson(Files.readString(p), JsonObject.class);
      return ModelConfig.doge20M()
          .with(
              e -> {
                e.vocabSize = o.get("vocab_size").getAsInt();
                e.hiddenSize = o.get("hidden_size").getAsInt();
                e.intermediateSize = o.get("intermediate_size").getAsInt();
                e.numHiddenLayers = o.get("num_hidden_layers").getAsInt();
                e.numAttentionHeads = o.get("num_attention_heads").getAsInt();
                e.numKeyValueHeads = o.get("num_key_value_heads").getAsInt();
                e.keepWindowSize = o.get("keep_window_size").getAsInt();
                e.maxPositionEmbeddings = o.get("max_position_embeddings").getAsInt();
                e.ropeScaling = ModelConfig.RopeScaling.NONE;
                e.tieWordEmbeddings = o.get("tie_word_embeddings").getAsBoolean();
                e.isMoe = o.get("is_moe").getAsBoolean();
                e.numExperts = o.get("num_experts").getAsInt();
                e.numExpertsPerTok = o.get("num_experts_per_tok").getAsInt();
                e.normTopkProb = o.get("norm_topk_prob").getAsBoolean();
                e.routerAuxLossCoef = o.get("router_aux_loss_coef").getAsDouble();
              });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** temp. */
  public static void writeModelConfig(ModelConfig c, Path p) {
    WrittenAside.text(p, new Gson().toJson(c));
  }
}
