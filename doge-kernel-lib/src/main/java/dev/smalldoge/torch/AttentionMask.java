package dev.smalldoge.torch;

import java.util.List;

/**
 * Which keys a query must not see, besides later ones.
 *
 * @param folded whether the folded path is to be used
 * @param keyMask at most one (B, S) INT64 array, 1 for real keys and 0 for padding
 * @param documents at most one (B, S) INT64 array of document numbers; read by the explicit path
 * @param bounds document offsets in the flattened batch; read by the folded path
 */
public record AttentionMask(
    boolean folded, List<Tensor> keyMask, List<Tensor> documents, List<Long> bounds) {}
