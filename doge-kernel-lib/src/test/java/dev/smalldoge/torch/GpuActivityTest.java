package dev.smalldoge.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The sum over kernels that overlap, nest, touch and leave gaps. */
class GpuActivityTest {
  @Test
  void countsTimeInWhichAnyKernelRuns() {
    List<long[]> intervals = new ArrayList<>();
    intervals.add(new long[] {400, 500}); // given out of order
    intervals.add(new long[] {0, 100});
    intervals.add(new long[] {50, 150}); // overlaps
    intervals.add(new long[] {60, 70}); // within
    intervals.add(new long[] {150, 200}); // touches; 200 to 400 nothing runs
    assertThat(GpuActivity.busy(intervals)).isCloseTo(300e-9, within(1e-15));
    assertThat(GpuActivity.busy(new ArrayList<>())).isZero();
  }

  @Test
  void saysWhichPartOfTheLaterThreeQuartersIsBetweenThem() {
    List<long[]> intervals = new ArrayList<>();
    intervals.add(new long[] {0, 10}); // the first quarter, after which the host is ahead
    intervals.add(new long[] {1_000, 1_400});
    intervals.add(new long[] {1_500, 1_800}); // 100 of 1,000 before it
    intervals.add(new long[] {1_800, 2_000});
    assertThat(GpuActivity.idleShare(intervals)).isCloseTo(0.1, within(1e-12));
    assertThat(GpuActivity.idleShare(List.of())).isZero();
  }
}
