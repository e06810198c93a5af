package dev.smalldoge.torch;

/**
 * What the fused kernels take from libtorch, on one device; see {@link FusedKernels} and {@link
 * Operations#fused}.
 */
final class FusedOperations {
  private final Script script;

  /** Any tensor of the device: it tells scripts without tensor arguments where to work. */
  private final Tensor anchor;

  FusedOperations(Script script, Tensor anchor) {
    this.script = script;
    this.anchor = anchor;
  }

  Tensor empty(DType type, long... shape) {
    return script.call("empty", shape, type.code(), anchor);
  }

  Tensor[] attendFused(Tensor queries, Tensor keys, Tensor qkv, double scale) {
    return script.callTuple("attend_fused", queries, keys, qkv, scale);
  }

  Tensor[] attendFusedBackward(
      Tensor gradient,
      Tensor queries,
      Tensor keys,
      Tensor qkv,
      FusedAttention.Attended attended,
      double scale) {
    return script.callTuple(
        "attend_fused_backward",
        gradient,
        queries,
        keys,
        qkv,
        attended.out(),
        attended.normalizer(),
        attended.seed(),
        attended.offset(),
        scale);
  }

  /** FLOAT64; negated where that is asked for. */
  Tensor wideSum(Tensor x, boolean negated) {
    return script.call("wide_sum", x, negated);
  }
}
