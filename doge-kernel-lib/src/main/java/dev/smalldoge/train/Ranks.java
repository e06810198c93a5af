package dev.smalldoge.train;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.World;
import dev.smalldoge.io.RankLinks;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.torch.AllReduce;
import dev.smalldoge.torch.Device;
import java.time.Duration;
import java.util.List;

/**
 * The processes that train one model together, data parallel: each has the whole model, reads its
 * own micro-batches, and sums its gradients with the others' before every update.
 *
 * <p>{@code gradientAccumulationSteps} is that of the whole world: W ranks run 1 / W of it each, so
 * a run has the same gradient, and can go on, with any number of processes that divides it. All
 * methods are called by all ranks in the same order. A process that is alone does nothing here and
 * pays nothing.
 */
public final class Ranks implements AutoCloseable {
  /** One process by itself. */
  public static final Ranks ALONE = new Ranks(World.ALONE, null, null);

  private static final Duration PATIENCE = Duration.ofMinutes(10);

  private final World world;
  private final RankLinks links;
  private final AllReduce transport;
  private boolean finished;

  private Ranks(World world, RankLinks links, AllReduce transport) {
    this.world = world;
    this.links = links;
    this.transport = transport;
  }

  /**
   * Waits for the other ranks of a world, and connects their devices.
   *
   * @param device of this process; its alone
   * @throws dev.smalldoge.config.DogeException if one does not come, or NCCL is needed and missing
   */
  public static Ranks open(World world, Device device) {
    if (world.isAlone()) {
      return ALONE;
    }
    RankLinks links = RankLinks.open(world, PATIENCE);
    try {
      AllReduce transport = AllReduce.over(links, device);
      links.onLoss(transport::abort);
      return new Ranks(world, links, transport);
    } catch (RuntimeException e) {
      links.close();
      throw e;
    }
  }

  /** Whether this process writes, logs and is listened to. */
  public boolean isFirst() {
    return world.isFirst();
  }

  /** How many there are. */
  public int size() {
    return world.size();
  }

  /** Number of this process, from 0. */
  public int rank() {
    return world.rank();
  }

  /**
   * This rank's micro-batches among those of a source: of every {@code size} in a row, the one of
   * its number.
   */
  public BatchSource share(BatchSource batches) {
    return world.isAlone() ? batches : new RankBatches(batches, world);
  }

  /**
   * How many of a step's micro-batches each rank runs.
   *
   * @throws dev.smalldoge.config.DogeException if they cannot be shared evenly
   */
  public int share(int gradientAccumulationSteps) {
    check(
        gradientAccumulationSteps % size() == 0,
        "gradientAccumulationSteps %d cannot be shared by %d processes; use %d with a"
            + " microBatchSize that is smaller in proportion, or another number of processes",
        gradientAccumulationSteps,
        size(),
        (gradientAccumulationSteps / size() + 1) * size());
    return gradientAccumulationSteps / size();
  }

  /** The sums over all ranks. */
  double[] sum(double... mine) {
    return world.isAlone() ? mine : links.sum(mine);
  }

  /** Whether any rank says so. */
  boolean any(boolean mine) {
    return world.isAlone() ? mine : links.sum(mine ? 1 : 0)[0] > 0;
  }

  /**
   * Gives all ranks the weights of rank 0.
   *
   * @throws dev.smalldoge.config.DogeException if the ranks stand at different steps or have
   *     different settings
   */
  void align(DogeForCausalLm model, long... standing) {
    if (world.isAlone()) {
      return;
    }
    for (long number : standing) {
      double sum = links.sum((double) number)[0];
      check(
          sum == (double) number * size(),
          "%s starts with %d where the mean of all ranks is %s; give all the same command and a run"
              + " folder that all of them see",
          world,
          number,
          sum / size());
    }
    transport.broadcast(List.copyOf(model.weights().byName().values()));
    model.weights().changed();
  }

  /** What sums the gradients of each step; null for a process that is alone. */
  GradientBuckets buckets(DogeForCausalLm model) {
    return world.isAlone() ? null : new GradientBuckets(model.weights(), transport);
  }

  /** Takes leave at the end of a run; a rank that closes without it ends the others. */
  public void finish() {
    if (!world.isAlone()) {
      links.farewell();
      finished = true;
    }
  }

  @Override
  public void close() {
    if (!world.isAlone()) {
      if (!finished) {
        transport.abort(); // sums that were begun will not be met by the other ranks
      }
      links.close();
      transport.close();
    }
  }
}
