package dev.smalldoge.train;

import dev.smalldoge.model.Weights;
import dev.smalldoge.torch.AllReduce;
import dev.smalldoge.torch.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Sums a step's gradients over all ranks, in buckets that leave as soon as they are complete: while
 * the backward pass works on a layer, the gradients of those after it travel.
 *
 * <p>Backward passes through the model from its end, so buckets hold the weights in reverse order;
 * the embedding, which takes part at the model's beginning and, where it is tied, at its end, comes
 * last.
 */
final class GradientBuckets {
  /** Enough for a link's full speed, and for several buckets in the smallest model. */
  static final long BUCKET_BYTES = 16L << 20;

  private static final Pattern LAYER = Pattern.compile("model\\.layers\\.(\\d+)\\..*");

  private final Weights weights;
  private final AllReduce transport;
  private final long bucketBytes;
  private List<String> names = List.of();
  private List<Tensor> bucket = new ArrayList<>();
  private long bytes;
  private int next;

  GradientBuckets(Weights weights, AllReduce transport) {
    this(weights, transport, BUCKET_BYTES);
  }

  GradientBuckets(Weights weights, AllReduce transport, long bucketBytes) {
    this.weights = weights;
    this.transport = transport;
    this.bucketBytes = bucketBytes;
  }

  /** Begins a step, before the backward pass of its last micro-batch. */
  void begin() {
    names = new ArrayList<>(weights.gradients().keySet());
    Collections.reverse(names);
    next = 0;
  }

  /** Takes up the gradients of a layer and of all that comes after it, which are complete. */
  void layerDone(int layer) {
    while (next < names.size() && layerOf(names.get(next)) >= layer) {
      take();
    }
    if (bytes >= bucketBytes) {
      send();
    }
  }

  private static int layerOf(String name) {
    Matcher layer = LAYER.matcher(name);
    if (layer.matches()) {
      return Integer.parseInt(layer.group(1));
    }
    return name.startsWith("model.embed") ? -1 : Integer.MAX_VALUE; // final norm and head
  }

  private void take() {
    Tensor gradient = weights.gradients().get(names.get(next++));
    bucket.add(gradient);
    bytes += gradient.size() * Float.BYTES;
  }

  private void send() {
    transport.sum(bucket);
    bucket = new ArrayList<>();
    bytes = 0;
  }

  /** Sums what is left; what the device does next sees the sums of all gradients. */
  void finish() {
    while (next < names.size()) {
      take();
      if (bytes >= bucketBytes) {
        send();
      }
    }
    if (!bucket.isEmpty()) {
      send();
    }
    transport.finish();
  }
}
