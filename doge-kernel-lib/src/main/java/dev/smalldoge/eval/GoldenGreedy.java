package dev.smalldoge.eval;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.ModelConfig.Routing;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.KeyValueCache;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.Arrays;
import java.util.List;

/** Continues a golden case's prompts with the likeliest token at each step. */
final class GoldenGreedy {
  private GoldenGreedy() {}

  /** Whether every prompt's continuation is the reference's, up to its end-of-text. */
  static boolean equalsReference(GoldenCase golden, ModelConfig config) {
    long[][] prompts = golden.ids("greedy.input_ids", 1);
    long[][] expected = golden.ids("greedy.output_ids", prompts[0].length + 1);
    check(
        prompts.length == expected.length,
        "greedy.output_ids of %s has %d rows for %d prompts; make them equal",
        golden.folder(),
        expected.length,
        prompts.length);
    boolean equal = true;
    try (DogeForCausalLm model = golden.model(config)) {
      for (int row = 0; equal && row < prompts.length; row++) {
        int end = end(expected[row], prompts[row].length, config.eosTokenId());
        long[] wanted = Arrays.copyOf(expected[row], end);
        equal = Arrays.equals(wanted, continued(model, prompts[row], end));
      }
    }
    return equal;
  }

  /** Length of a row until its first end-of-text after the prompt, that token included. */
  private static int end(long[] ids, int from, int eos) {
    for (int i = from; i < ids.length; i++) {
      if (ids[i] == eos) {
        return i + 1;
      }
    }
    return ids.length;
  }

  /** With the cache; without it under legacy routing, which looks at all tokens of a pass. */
  private static long[] continued(DogeForCausalLm model, long[] prompt, int length) {
    boolean legacy = model.config().isMoe() && model.config().routing() == Routing.LEGACY;
    return legacy ? uncached(model, prompt, length) : cached(model, prompt, length);
  }

  private static long[] cached(DogeForCausalLm model, long[] prompt, int length) {
    Operations operations = model.operations();
    long[] found = Arrays.copyOf(prompt, length);
    try (TensorScope scope = new TensorScope();
        KeyValueCache cache = model.newCache(1, length)) {
      Tensor next = operations.longs(prompt, 1, prompt.length);
      for (int i = prompt.length; i < length; i++) {
        found[i] = argmax(model.nextLogits(next, cache, List.of()).toFloats());
        next = operations.longs(new long[] {found[i]}, 1, 1);
      }
    }
    return found;
  }

  private static long[] uncached(DogeForCausalLm model, long[] prompt, int length) {
    int vocabulary = model.config().vocabSize();
    long[] found = Arrays.copyOf(prompt, length);
    for (int i = prompt.length; i < length; i++) {
      try (TensorScope scope = new TensorScope()) {
        long[][] soFar = {Arrays.copyOf(found, i)};
        float[] logits = model.logits(ModelInput.of(model.operations(), soFar)).toFloats();
        int last = (i - 1) * vocabulary;
        found[i] = argmax(Arrays.copyOfRange(logits, last, last + vocabulary));
      }
    }
    return found;
  }

  private static int argmax(float[] values) {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      best = values[i] > values[best] ? i : best;
    }
    return best;
  }
}
