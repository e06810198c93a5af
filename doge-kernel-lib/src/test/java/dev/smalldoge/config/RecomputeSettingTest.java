package dev.smalldoge.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class RecomputeSettingTest {
  @Test
  void readsWhatItWrites() {
    for (Recompute parts : Recompute.values()) {
      assertThat(Recompute.named("a.yaml", parts.written())).isEqualTo(parts);
    }
    assertThat(Recompute.named("a.yaml", true)).isEqualTo(Recompute.LAYERS);
    assertThat(Recompute.of(false).written()).isEqualTo(false);
    assertThatThrownBy(() -> Recompute.named("a.yaml", "attention"))
        .isInstanceOf(DogeException.class)
        .hasMessage(
            "a.yaml: recompute attention is not known; use true for whole layers, mlp or false");
  }
}
