package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.FusedExperts.Room;
import dev.smalldoge.torch.FusedKernels.Normed;
import dev.smalldoge.torch.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The arrays that fused steps of one batch shape work in, taken once: a step asks the allocator for
 * nothing, so nothing of it is ever moved or split.
 */
final class FusedScratch implements AutoCloseable {
  private static final long LOGITS_BYTES = 512L << 20;

  private final FusedMemory memory;
  private final int batch;
  private final int length;
  private final int hidden;
  private final List<Tensor> owned = new ArrayList<>();
  private final Tensor branch;
  private final Tensor inner;
  private final Tensor dx;
  private final Tensor dmiddle;
  private final Tensor dnormed;
  private final Tensor dattended;
  private final Tensor dqkv;
  private final Tensor logits;
  private final Tensor losses;
  private final Tensor hits;
  private final Tensor factors;
  private final Room expertRoom;

  FusedScratch(ModelConfig config, FusedMemory memory, int batch, int length) {
    this.memory = memory;
    this.batch = batch;
    this.length = length;
    this.hidden = config.hiddenSize();
    long n = tokens();
    int heads = config.numAttentionHeads();
    int units = heads + 2 * config.numKeyValueHeads();
    branch = keep(DType.BFLOAT16, n, hidden);
    inner = keep(DType.BFLOAT16, n, config.intermediateSize());
    dx = keep(DType.BFLOAT16, n, hidden);
    dmiddle = keep(DType.BFLOAT16, n, hidden);
    dnormed = keep(DType.BFLOAT16, batch, length, hidden);
    dattended = keep(DType.BFLOAT16, batch, length, heads, config.headDim());
    dqkv = keep(DType.BFLOAT16, n, (long) units * config.headDim());
    long chunk = Math.min(n, Math.max(64, LOGITS_BYTES / (2L * config.vocabSize())));
    logits = keep(DType.BFLOAT16, chunk, config.vocabSize());
    losses = keep(DType.FLOAT32, n);
    hits = keep(DType.FLOAT32, n);
    factors = keep(DType.FLOAT32, n);
    expertRoom = config.isMoe() ? room(n, config.numKeys(), config.numExpertsPerTok()) : null;
  }

  private Room room(long n, long keys, long chosen) {
    return new Room(
        keep(DType.BFLOAT16, n, 2 * keys),
        keep(DType.FLOAT32, n, chosen),
        keep(DType.FLOAT32, n, chosen),
        keep(DType.FLOAT32, n, chosen));
  }

  /** Memory that lives as long as this. */
  Tensor keep(DType type, long... shape) {
    Tensor tensor = memory.at(owned.size(), type, shape);
    owned.add(tensor);
    return tensor;
  }

  /** Room for hidden states (B, T, d). */
  Tensor stream() {
    return keep(DType.BFLOAT16, batch, length, hidden);
  }

  /** Room for one sum and its norm; both (B, T, d). */
  Normed normed() {
    return new Normed(stream(), stream(), keep(DType.FLOAT32, tokens()));
  }

  int batch() {
    return batch;
  }

  int length() {
    return length;
  }

  int tokens() {
    return Math.multiplyExact(batch, length);
  }

  /** What attention or the MLP adds to the stream. */
  Tensor branch() {
    return branch;
  }

  /** The MLP's inner activations, or their gradient. */
  Tensor inner() {
    return inner;
  }

  /** Gradient of a layer's output, then of its input. */
  Tensor dx() {
    return dx;
  }

  /** Gradient of the stream between attention and MLP. */
  Tensor dmiddle() {
    return dmiddle;
  }

  /** Gradient of a norm's result. */
  Tensor dnormed() {
    return dnormed;
  }

  /** Gradient of attention's result. */
  Tensor dattended() {
    return dattended;
  }

  /** Gradient of queries, keys and values. */
  Tensor dqkv() {
    return dqkv;
  }

  /** A chunk of logits. */
  Tensor logits() {
    return logits;
  }

  /** Nats of each token, or the log-probability of its label. */
  Tensor losses() {
    return losses;
  }

  /** 1 for each token whose label is the likeliest. */
  Tensor hits() {
    return hits;
  }

  /** Derivative of a loss by each log-probability. */
  Tensor factors() {
    return factors;
  }

  /** What the way back through experts works in. */
  Room expertRoom() {
    return expertRoom;
  }

  @Override
  public void close() {
    owned.forEach(memory::takeBack);
  }
}
