package dev.smalldoge.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SeededOrderTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 16, 17, 1_000, 65_537})
  void isAPermutation(int count) {
    SeededOrder order = new SeededOrder(count, 233);
    BitSet seen = new BitSet();
    for (int i = 0; i < count; i++) {
      long at = order.at(i);
      assertThat(at).isBetween(0L, count - 1L);
      seen.set((int) at);
    }
    assertThat(seen.cardinality()).isEqualTo(count);
  }

  @Test
  void seedsGiveOtherOrders() {
    SeededOrder one = new SeededOrder(1_000, 233);
    SeededOrder other = new SeededOrder(1_000, 234);
    int same = 0;
    for (int i = 0; i < 1_000; i++) {
      same += one.at(i) == other.at(i) ? 1 : 0;
    }
    assertThat(same).isLessThan(12); // 1 expected; Poisson leaves 1e-10 for 12 or more
  }

  @Test
  void placesAreSpreadEvenly() {
    int cells = 16;
    int count = 160_000;
    long[] found = new long[cells];
    SeededOrder order = new SeededOrder(count, 7);
    for (int i = 0; i < count / 10; i++) {
      found[(int) (order.at(i) * cells / count)]++;
    }
    double chiSquare = 0;
    double expected = (double) count / 10 / cells;
    for (long cell : found) {
      chiSquare += (cell - expected) * (cell - expected) / expected;
    }
    assertThat(chiSquare).isLessThan(45); // 15 degrees of freedom: 1e-4 lies above 44
  }

  @Test
  void reachesAnyPlaceOfAHugeCount() {
    SeededOrder order = new SeededOrder(1L << 61, 233);
    assertThat(order.at((1L << 61) - 1)).isBetween(0L, (1L << 61) - 1);
  }
}
