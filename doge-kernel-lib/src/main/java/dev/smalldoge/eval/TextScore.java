package dev.smalldoge.eval;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.eval.ContinuationScorer.Scored;
import dev.smalldoge.generate.LanguageModel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * How well a model foresees held-out text. Every token of a text counts once, the first after the
 * opening token; a text longer than the model's positions is read in windows that overlap by half.
 *
 * <p>Example: {@code TextScore.of(model, Corpus.of("state-of-the-union").under("datasets")
 * .texts(), 50)}.
 *
 * @param documents texts that were read
 * @param tokens tokens that were foreseen
 * @param bytes their length in UTF-8
 * @param nats sum of the loss over the tokens
 */
public record TextScore(long documents, long tokens, long bytes, double nats) {
  /**
   * Reads the first {@code most} texts.
   *
   * @throws dev.smalldoge.config.DogeException if there is no text
   */
  public static TextScore of(LanguageModel model, Iterable<String> texts, int most) {
    ContinuationScorer scorer = new ContinuationScorer(model);
    int window = model.model().config().maxPositionEmbeddings();
    long documents = 0;
    long tokens = 0;
    long bytes = 0;
    List<Scored> rows = new ArrayList<>();
    for (String text : texts) {
      if (documents == most) {
        break;
      }
      documents++;
      bytes += text.getBytes(StandardCharsets.UTF_8).length;
      Scored whole = scorer.encodeText(text);
      tokens += whole.ids().length - whole.from();
      rows.addAll(windows(whole.ids(), window));
    }
    check(documents > 0 && tokens > 0, "there is no text to read; give a corpus with some");
    return new TextScore(documents, tokens, bytes, -Arrays.stream(scorer.score(rows)).sum());
  }

  private static List<Scored> windows(int[] ids, int window) {
    List<Scored> windows = new ArrayList<>();
    int scored = 1;
    while (scored < ids.length) {
      int start = scored == 1 ? 0 : scored - window / 2;
      int end = Math.min(ids.length, start + window);
      windows.add(new Scored(Arrays.copyOfRange(ids, start, end), scored - start));
      scored = end;
    }
    return windows;
  }

  /** Nats per token. */
  public double loss() {
    return nats / tokens;
  }

  /** exp(loss); depends on the tokenizer. */
  public double perplexity() {
    return Math.exp(loss());
  }

  /** Bits per byte of UTF-8, which compares models of different tokenizers. */
  public double bitsPerByte() {
    return nats / Math.log(2) / bytes;
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "loss %.4f nats/token, perplexity %.2f, %.4f bits/byte over %,d tokens of %,d texts",
        loss(),
        perplexity(),
        bitsPerByte(),
        tokens,
        documents);
  }
}
