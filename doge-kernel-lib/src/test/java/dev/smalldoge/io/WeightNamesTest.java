package dev.smalldoge.io;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.ModelConfig;
import org.junit.jupiter.api.Test;

class WeightNamesTest {
  @Test
  void parameterCountsAreThePublishedOnes() {
    assertThat(WeightNames.parameterCount(ModelConfig.doge20M())).isEqualTo(13_118_728);
    assertThat(WeightNames.parameterCount(ModelConfig.doge60M())).isEqualTo(54_571_552);
    assertThat(WeightNames.parameterCount(ModelConfig.doge160M())).isEqualTo(152_676_168);
    assertThat(WeightNames.parameterCount(ModelConfig.doge320M())).isEqualTo(335_750_272);
  }

  @Test
  void expertsAddTheirRouterAndTwoVectorsEach() {
    ModelConfig moe = ModelConfig.doge20MMoe();
    // per layer: router 256 × 2·32, experts 2 × 1024 × 256
    long added = 8L * (256 * 64 + 2 * 1_024 * 256);
    assertThat(WeightNames.parameterCount(moe)).isEqualTo(13_118_728 + added);
    assertThat(WeightNames.activeParameterCount(moe))
        .isEqualTo(13_118_728 + 8L * (256 * 64 + 2 * 16 * 256));
    assertThat(WeightNames.activeParameterCount(ModelConfig.doge20M())).isEqualTo(13_118_728);
  }

  @Test
  void partsOfTheSmallestModel() {
    assertThat(WeightNames.countsByPart(ModelConfig.doge20M()))
        .containsEntry("embedding", 32_768L * 256)
        .containsEntry("attention", 8L * (2 * 256 * 256 + 2 * 256 * 128))
        .containsEntry("dynamic mask", 8L * (128 + 1))
        .containsEntry("mlp", 8L * 3 * 256 * 512)
        .containsEntry("norms", 8L * (2 * 256 + 2 * 128) + 256)
        .containsEntry("residual vectors", 8L * 2 * 256)
        .hasSize(6);
    assertThat(
            WeightNames.countsByPart(
                ModelConfig.doge20MMoe().with(e -> e.tieWordEmbeddings = false)))
        .containsKeys("router", "experts", "head");
  }

  @Test
  void biasesAreThoseOfTheReference() {
    ModelConfig biased =
        ModelConfig.tiny()
            .with(
                e -> {
                  e.attentionBias = true;
                  e.mlpBias = true;
                });
    assertThat(WeightNames.expected(biased).keySet())
        .contains(
            "model.layers.0.self_attn.q_proj.bias",
            "model.layers.3.self_attn.dt_proj.bias",
            "model.layers.0.mlp.down_proj.bias")
        .doesNotContain("model.layers.0.mlp.router_gate.bias")
        .hasSize(2 + 4 * (15 + 5 + 3));
  }

  @Test
  void formerNamesBecomeTodays() {
    String[][] pairs = {
      {"model.word_embed.weight", "model.embed_tokens.weight"},
      {"model.final_layernorm.weight", "model.norm.weight"},
      {"model.layers.3.pre_layernorm.weight", "model.layers.3.input_layernorm.weight"},
      {"model.layers.3.pre_residual.weight", "model.layers.3.input_residual"},
      {"model.layers.3.post_layernorm.weight", "model.layers.3.post_attention_layernorm.weight"},
      {"model.layers.3.post_residual.weight", "model.layers.3.post_attention_residual"},
      {"model.layers.3.input_residual.weight", "model.layers.3.input_residual"},
      {"model.layers.3.self_attn.A", "model.layers.3.self_attn.A"},
      {"model.layers.3.self_attn.dt_proj.weight", "model.layers.3.self_attn.dt_proj.weight"},
      {"model.layers.3.feed_forward.gate_proj.weight", "model.layers.3.mlp.gate_proj.weight"},
      {"model.layers.3.feed_forward.router_gate.weight", "model.layers.3.mlp.router_gate.weight"},
      {"model.layers.3.feed_forward.down_embed.weight", "model.layers.3.mlp.down_embed.weight"},
      {"layers.3.mlp.up_proj.weight", "model.layers.3.mlp.up_proj.weight"},
      {"norm.weight", "model.norm.weight"},
      {"lm_head.weight", "lm_head.weight"},
    };
    for (String[] pair : pairs) {
      assertThat(WeightNames.today(pair[0])).as(pair[0]).contains(pair[1]);
    }
    assertThat(WeightNames.today("model.layers.3.feed_forward.router_gate.bias")).isEmpty();
    assertThat(WeightNames.today("model.rotary_emb.inv_freq")).isEmpty();
    for (String name : WeightNames.expected(ModelConfig.doge20MMoe()).keySet()) {
      assertThat(WeightNames.today(name)).contains(name);
    }
  }
}
