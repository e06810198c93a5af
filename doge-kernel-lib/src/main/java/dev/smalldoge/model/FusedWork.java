package dev.smalldoge.model;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.Recompute;
import dev.smalldoge.torch.FusedKernels;

/** What all layers of a fused step work with, and the widths of their matrices. */
record FusedWork(
    ModelConfig config,
    Weights weights,
    FusedWeights matrices,
    FusedKernels kernels,
    FusedScratch scratch,
    Recompute recompute) {

  /** N = B · T. */
  int tokens() {
    return scratch.tokens();
  }

  /** Of the residual stream. */
  int hidden() {
    return config.hiddenSize();
  }

  /** Of the MLP. */
  int inner() {
    return config.intermediateSize();
  }

  /** Of attention's result: all query heads. */
  int attended() {
    return config.numAttentionHeads() * config.headDim();
  }

  /** Of queries, keys and values together. */
  int projected() {
    return attended() + 2 * config.numKeyValueHeads() * config.headDim();
  }
}
