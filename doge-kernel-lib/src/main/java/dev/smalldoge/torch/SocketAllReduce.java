package dev.smalldoge.torch;

import dev.smalldoge.io.RankLinks;
import java.util.List;

/** Sums the arrays of CPU processes through rank 0, at once, in the order of the ranks. */
final class SocketAllReduce implements AllReduce {
  private final RankLinks links;

  SocketAllReduce(RankLinks links) {
    this.links = links;
  }

  @Override
  public void sum(List<Tensor> arrays) {
    arrays.forEach(array -> links.sumFloats(array.memory()));
  }

  @Override
  public void broadcast(List<Tensor> arrays) {
    arrays.forEach(array -> links.broadcast(array.memory()));
  }

  @Override
  public void finish() {
    // sums are complete when sum returns
  }

  @Override
  public void abort() {
    // the links fail by themselves when a rank is lost
  }

  @Override
  public void close() {
    // the links are the caller's
  }
}
