package dev.smalldoge.bench;

import dev.smalldoge.model.Precision;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A way to compute, and what it found a step. */
final class GuardCurve {
  /** As it is printed. */
  final String name;

  final Precision precision;

  /** Whether in the fused kernels. */
  final boolean fuse;

  /** In nats a token. */
  final double[] losses;

  /** Of the whole gradient. */
  final double[] norms;

  /** Norms of the gradient's arrays, by name. */
  final List<Map<String, Double>> parts = new ArrayList<>();

  GuardCurve(String name, Precision precision, boolean fuse, int steps) {
    this.name = name;
    this.precision = precision;
    this.fuse = fuse;
    this.losses = new double[steps];
    this.norms = new double[steps];
  }
}
