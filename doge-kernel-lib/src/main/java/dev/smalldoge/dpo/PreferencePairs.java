package dev.smalldoge.dpo;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.data.PreferencePair;
import dev.smalldoge.tokenizer.ChatTemplate;
import dev.smalldoge.tokenizer.Message;
import dev.smalldoge.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.zip.CRC32;

/**
 * Preferences as tokens: prompts, each with a chosen and a rejected answer. Immutable.
 *
 * <p>A prompt is cut at its beginning to {@code maxPromptLength} tokens, then the answers at their
 * end so that prompt and answer together have at most {@code maxLength}, as TRL does.
 */
public final class PreferencePairs {
  private final Tokenizer tokenizer;
  private final int maxLength;
  private final List<EncodedPair> pairs;

  private PreferencePairs(Tokenizer tokenizer, int maxLength, List<EncodedPair> pairs) {
    this.tokenizer = tokenizer;
    this.maxLength = maxLength;
    this.pairs = List.copyOf(pairs);
  }

  /** Pairs to learn from and pairs to measure with; no pair is in both. */
  public record Split(PreferencePairs training, PreferencePairs heldOut) {}

  /**
   * Encodes preferences by the tokenizer's chat template.
   *
   * @param maxLength tokens of prompt and answer together
   * @param maxPromptLength tokens of the prompt that are kept, fewer than {@code maxLength}
   * @throws dev.smalldoge.config.DogeException if there are none, or both answers of one are equal
   */
  public static PreferencePairs of(
      Iterable<PreferencePair> preferences,
      Tokenizer tokenizer,
      int maxLength,
      int maxPromptLength) {
    check(
        maxPromptLength > 0 && maxPromptLength < maxLength,
        "maxPromptLength %d is outside 1 to maxLength %d, which holds the answer too; use half",
        maxPromptLength,
        maxLength);
    List<EncodedPair> pairs = new ArrayList<>();
    for (PreferencePair preference : preferences) {
      pairs.add(encode(preference, tokenizer, maxLength, maxPromptLength));
    }
    check(!pairs.isEmpty(), "there are no preferences; give rows with prompt, chosen, rejected");
    return new PreferencePairs(tokenizer, maxLength, pairs);
  }

  private static EncodedPair encode(
      PreferencePair preference, Tokenizer tokenizer, int maxLength, int maxPromptLength) {
    check(
        !preference.chosen().equals(preference.rejected()),
        "both answers to \"%s\" are the same; leave such a pair out",
        preference.prompt().get(preference.prompt().size() - 1).content());
    String prompt = tokenizer.chatTemplate().render(preference.prompt(), true);
    int[] ids = tokenizer.encode(prompt);
    int[] kept = Arrays.copyOfRange(ids, Math.max(0, ids.length - maxPromptLength), ids.length);
    int room = maxLength - kept.length;
    return new EncodedPair(
        kept,
        answer(preference.prompt(), preference.chosen(), prompt, tokenizer, room),
        answer(preference.prompt(), preference.rejected(), prompt, tokenizer, room));
  }

  /** The ids of an answer up to the token that ends its turn. */
  private static int[] answer(
      List<Message> messages, Message answer, String prompt, Tokenizer tokenizer, int room) {
    List<Message> all = new ArrayList<>(messages);
    all.add(answer);
    ChatTemplate template = tokenizer.chatTemplate();
    String text = template.render(all, false);
    check(
        text.startsWith(prompt),
        "the chat template's generation prompt is not how it begins an answer; use a template with"
            + " add_generation_prompt");
    int[] ids = tokenizer.encode(text.substring(prompt.length()));
    int end = ids.length;
    while (end > 1 && ids[end - 1] != tokenizer.eosTokenId()) {
      end--; // white space between turns
    }
    return Arrays.copyOf(ids, Math.min(end > 1 ? end : ids.length, room));
  }

  /** How many there are. */
  public int count() {
    return pairs.size();
  }

  /** Tokens that no row exceeds. */
  public int maxLength() {
    return maxLength;
  }

  /** Tokens of all rows: each prompt counts twice. */
  public long tokens() {
    return pairs.stream()
        .mapToLong(p -> 2L * p.prompt().length + p.chosen().length + p.rejected().length)
        .sum();
  }

  /** The tokenizer that made the ids. */
  public Tokenizer tokenizer() {
    return tokenizer;
  }

  /** One pair. */
  EncodedPair pair(int index) {
    return pairs.get(index);
  }

  /** A number that follows from all ids: what a run is bound to. */
  String fingerprint() {
    CRC32 sum = new CRC32();
    for (EncodedPair pair : pairs) {
      for (int[] ids : List.of(pair.prompt(), pair.chosen(), pair.rejected())) {
        for (int id : ids) {
          sum.update(id);
          sum.update(id >>> 8);
          sum.update(id >>> 16);
        }
        sum.update(0xFF);
      }
    }
    return String.format(Locale.ROOT, "%d-%08x", pairs.size(), sum.getValue());
  }

  /**
   * Holds pairs out, chosen by a seed; equal prompts go to one side.
   *
   * @param count how many, at least 1 and fewer than there are
   */
  public Split split(int count, long seed) {
    check(
        count > 0 && count < pairs.size(),
        "%d of %d pairs cannot be held out; hold out at least 1 and fewer than all",
        count,
        pairs.size());
    int[] order = order(pairs.size(), seed);
    List<EncodedPair> heldOut = new ArrayList<>();
    List<EncodedPair> training = new ArrayList<>();
    java.util.Set<List<Integer>> prompts = new java.util.HashSet<>();
    for (int i = 0; i < count; i++) {
      heldOut.add(pairs.get(order[i]));
      prompts.add(boxed(pairs.get(order[i]).prompt()));
    }
    for (int i = count; i < order.length; i++) {
      EncodedPair pair = pairs.get(order[i]);
      (prompts.contains(boxed(pair.prompt())) ? heldOut : training).add(pair);
    }
    check(!training.isEmpty(), "all pairs have the held-out prompts; hold fewer out");
    return new Split(
        new PreferencePairs(tokenizer, maxLength, training),
        new PreferencePairs(tokenizer, maxLength, heldOut));
  }

  private static List<Integer> boxed(int... ids) {
    return Arrays.stream(ids).boxed().toList();
  }

  /** A permutation of 0 to count − 1 that follows from the seed. */
  static int[] order(int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] order = new int[count];
    for (int i = 0; i < count; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT, "%,d preferences, %,d tokens, at most %d a row", count(), tokens(), maxLength);
  }
}
