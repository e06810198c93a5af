package dev.smalldoge.model;

import dev.smalldoge.torch.DecodeDraws.Draws;
import dev.smalldoge.torch.Tensor;
import java.util.List;
import java.util.Optional;

/**
 * Writes tokens after what a {@link Decoder} has read, by the device alone: each is chosen and read
 * there, and the host gets them a block at a time, while the next is computed.
 */
public interface TokenWriter {
  /** End tokens that a text may have. */
  int MOST_ENDS = dev.smalldoge.torch.DecodeKernels.MOST_ENDS;

  /**
   * How texts end.
   *
   * @param tokenIds the end tokens, at most {@link #MOST_ENDS}
   * @param padTokenId what a row writes after its end
   * @param minNewTokens tokens that come before an end
   */
  record Ends(List<Integer> tokenIds, int padTokenId, int minNewTokens) {}

  /**
   * Begins with the first new tokens, INT64 (B, 1), which are part of the first block.
   *
   * @param draws how those that follow are drawn; empty for the likeliest
   */
  void begin(Tensor tokens, Ends ends, Optional<Draws> draws);

  /** Asks for so many tokens more; they and what was not asked for yet are a block. */
  void write(int count);

  /** The oldest block not read, (B, its tokens); at most two may be unread. Waits for it. */
  long[][] read();
}
