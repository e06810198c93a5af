package dev.smalldoge.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** Figures of numpy 2.4.6: {@code numpy.random.default_rng(seed).permutation(count)}. */
class NumpyOrderTest {
  @Test
  void isNumpysOrder() {
    assertThat(NumpyOrder.permutation(10, 233)).containsExactly(2, 0, 8, 6, 7, 5, 4, 9, 1, 3);
    assertThat(NumpyOrder.permutation(12, 233))
        .containsExactly(4, 8, 7, 9, 0, 10, 2, 5, 11, 6, 1, 3);
    assertThat(NumpyOrder.permutation(12, 0)).containsExactly(9, 2, 7, 4, 5, 11, 0, 3, 6, 10, 8, 1);
    assertThat(NumpyOrder.permutation(12, 42))
        .containsExactly(0, 7, 6, 9, 11, 3, 5, 2, 4, 10, 1, 8);
    assertThat(NumpyOrder.permutation(12, (1L << 40) + 7))
        .containsExactly(8, 2, 6, 1, 11, 9, 3, 7, 4, 5, 0, 10);
    assertThat(NumpyOrder.permutation(1, 233)).containsExactly(0);
  }

  /** {@code hashlib.sha256(permutation.astype("<i8").tobytes())}. */
  @Test
  void isNumpysOrderOfAHundredThousand() throws Exception {
    int[] order = NumpyOrder.permutation(100_000, 233);
    assertThat(Arrays.copyOf(order, 5)).containsExactly(53332, 32967, 81266, 15388, 50117);
    ByteBuffer bytes = ByteBuffer.allocate(8 * order.length).order(ByteOrder.LITTLE_ENDIAN);
    for (int place : order) {
      bytes.putLong(place);
    }
    assertThat(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes.array())))
        .isEqualTo("91ebe2d302a755bdf94c469d6e98aa67965fa0578dcb0fefea845f72cddfa76d");
  }

  @Test
  void refusesASeedThatNumpyRefuses() {
    assertThatThrownBy(() -> NumpyOrder.permutation(3, -1))
        .isInstanceOf(DogeException.class)
        .hasMessage("the seed -1 is negative, which numpy refuses; use 233");
  }
}
