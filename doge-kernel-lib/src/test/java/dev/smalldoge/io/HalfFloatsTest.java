package dev.smalldoge.io;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class HalfFloatsTest {
  @Test
  void everyHalfSurvivesTheRoundTrip() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float wide = HalfFloats.fromF16((short) bits);
      float brain = HalfFloats.fromBf16((short) bits);
      if (Float.isNaN(wide)) {
        assertThat(HalfFloats.fromF16(HalfFloats.toF16(wide))).isNaN();
      } else {
        assertThat(HalfFloats.toF16(wide)).isEqualTo((short) bits);
      }
      if (Float.isNaN(brain)) {
        assertThat(HalfFloats.fromBf16(HalfFloats.toBf16(brain))).isNaN();
      } else {
        assertThat(HalfFloats.toBf16(brain)).isEqualTo((short) bits);
      }
    }
  }

  @Test
  void everyMidpointRoundsToEvenAndItsNeighboursToTheNearest() {
    for (int bits = 0; bits < 0x7c00 - 1; bits++) {
      double middle =
          ((double) HalfFloats.fromF16((short) bits) + HalfFloats.fromF16((short) (bits + 1))) / 2;
      float exact = (float) middle; // a half has 11 bits of mantissa, so the midpoint fits a float
      assertThat(HalfFloats.toF16(exact)).isEqualTo((short) (bits + (bits & 1)));
      assertThat(HalfFloats.toF16(Math.nextDown(exact))).isEqualTo((short) bits);
      assertThat(HalfFloats.toF16(Math.nextUp(exact))).isEqualTo((short) (bits + 1));
      assertThat(HalfFloats.toF16(-exact)).isEqualTo((short) (0x8000 | (bits + (bits & 1))));
    }
    assertThat(HalfFloats.toBf16(Float.intBitsToFloat(0x3f808000))).isEqualTo((short) 0x3f80);
    assertThat(HalfFloats.toBf16(Float.intBitsToFloat(0x3f818000))).isEqualTo((short) 0x3f82);
    assertThat(HalfFloats.toBf16(Float.intBitsToFloat(0x3f808001))).isEqualTo((short) 0x3f81);
  }

  @Test
  void tooLargeBecomesInfinite() {
    assertThat(HalfFloats.fromF16(HalfFloats.toF16(65_519))).isEqualTo(65_504);
    assertThat(HalfFloats.fromF16(HalfFloats.toF16(65_520))).isInfinite();
    assertThat(HalfFloats.fromF16(HalfFloats.toF16(Float.MAX_VALUE))).isInfinite();
    assertThat(HalfFloats.fromBf16(HalfFloats.toBf16(Float.MAX_VALUE))).isInfinite();
    assertThat(HalfFloats.toF16(-0.0f)).isEqualTo((short) 0x8000);
    assertThat(HalfFloats.toF16(Float.NEGATIVE_INFINITY)).isEqualTo((short) 0xfc00);
  }
}
