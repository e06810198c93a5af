package dev.smalldoge.train;

import dev.smalldoge.config.World;
import java.util.ArrayList;
import java.util.List;

/**
 * One rank's share of a supply of micro-batches: numbers rank, rank + W, rank + 2 W, … of it.
 *
 * <p>Positions are those of the whole supply, so a checkpoint's position means the same to any
 * number of ranks.
 */
final class RankBatches implements BatchSource {
  private final BatchSource all;
  private final World world;
  private long position;

  RankBatches(BatchSource all, World world) {
    this.all = all;
    this.world = world;
    this.position = all.position();
  }

  @Override
  public List<MicroBatch> next(int count) {
    List<MicroBatch> mine = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      all.seek(position + world.rank());
      mine.addAll(all.next(1));
      position += world.size();
    }
    return mine;
  }

  @Override
  public long position() {
    return position;
  }

  @Override
  public void seek(long newPosition) {
    position = newPosition;
  }
}
