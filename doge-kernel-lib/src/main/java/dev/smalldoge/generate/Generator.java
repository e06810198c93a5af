package dev.smalldoge.generate;

import static dev.smalldoge.config.Checks.check;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import dev.smalldoge.config.GenerationConfig;
import dev.smalldoge.model.DogeForCausalLm;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Consumer;

/**
 * Writes texts after prompts, with everything that can be said about how.
 *
 * <p>Example: {@code model.generator().maxNewTokens(100).temperature(0.8).seed(7).stopAt("\n")
 * .onText(System.out::print).run("The sea")}.
 *
 * <p>An interrupt of the running thread, or the {@link #cancelledBy handle}, ends a text early; the
 * interrupt stays set.
 */
public final class Generator {
  /** Tokens that a GPU may be ahead of the host: with a listener, and without. */
  private static final int STREAMED_BLOCK = 4;

  private static final int BLOCK = 16;

  private final LanguageModel languageModel;
  private GenerationConfig config;
  private long seed;
  private List<String> stopStrings = List.of();
  private List<Integer> stopTokenIds = List.of();
  private Consumer<String> listener;
  private Cancellation cancellation = new Cancellation();

  Generator(LanguageModel languageModel) {
    this.languageModel = languageModel;
    this.config = languageModel.generationConfig();
  }

  /** How to write; greedy without it. */
  @CanIgnoreReturnValue
  public Generator config(GenerationConfig config) {
    this.config = config;
    return this;
  }

  /** Most tokens to write. */
  @CanIgnoreReturnValue
  public Generator maxNewTokens(int maxNewTokens) {
    return config(config.withMaxNewTokens(maxNewTokens));
  }

  /** Draws at this temperature instead of taking the likeliest token. */
  @CanIgnoreReturnValue
  public Generator temperature(double temperature) {
    return config(config.withTemperature(temperature));
  }

  /** Draws from the likeliest tokens that together have this probability. */
  @CanIgnoreReturnValue
  public Generator topP(double topP) {
    return config(config.withTopP(topP));
  }

  /** Draws from this many likeliest tokens. */
  @CanIgnoreReturnValue
  public Generator topK(int topK) {
    return config(config.withTopK(topK));
  }

  /** Seed of the draws; text i of a batch draws from {@code seed + i}. 0 without it. */
  @CanIgnoreReturnValue
  public Generator seed(long seed) {
    this.seed = seed;
    return this;
  }

  /** Texts that end the writing and are not part of it; special tokens may be among them. */
  @CanIgnoreReturnValue
  public Generator stopAt(String... stops) {
    List<String> texts = new ArrayList<>();
    List<Integer> tokens = new ArrayList<>();
    for (String stop : stops) {
      check(!stop.isEmpty(), "a stop string is empty and would stop everything; leave it out");
      OptionalInt token = languageModel.tokenizer().idOf(stop);
      if (token.isPresent() && languageModel.tokenizer().isSpecial(token.getAsInt())) {
        tokens.add(token.getAsInt());
      } else {
        texts.add(stop);
      }
    }
    stopStrings = List.copyOf(texts);
    stopTokenIds = List.copyOf(tokens);
    return this;
  }

  /** Hands on the text while it is written, in whole characters; for one prompt at a time. */
  @CanIgnoreReturnValue
  public Generator onText(Consumer<String> listener) {
    this.listener = listener;
    return this;
  }

  /** Lets another thread end the writing. */
  @CanIgnoreReturnValue
  public Generator cancelledBy(Cancellation cancellation) {
    this.cancellation = cancellation;
    return this;
  }

  /**
   * Writes after a prompt.
   *
   * @throws dev.smalldoge.config.DogeException if the prompt is empty, or too long for the model
   */
  public Generation run(String prompt) {
    return run(List.of(prompt), List.of(encode(prompt))).get(0);
  }

  /**
   * Writes after each prompt, all at once. The results are those of the prompts one by one, unless
   * the longest passes the length from which a dynamic rotary base grows: that is one for all.
   */
  public List<Generation> run(List<String> prompts) {
    check(!prompts.isEmpty(), "there is no prompt; give at least one");
    return run(prompts, prompts.stream().map(this::encode).toList());
  }

  /** The same for a conversation, encoded already, of which the model may have read a part. */
  Generation goOn(String prompt, int[] ids) {
    return run(List.of(prompt), List.of(ids), true).get(0);
  }

  private List<Generation> run(List<String> prompts, List<int[]> ids) {
    return run(prompts, ids, false);
  }

  private List<Generation> run(List<String> prompts, List<int[]> ids, boolean goesOn) {
    check(
        listener == null || prompts.size() == 1,
        "onText follows one text, but there are %d prompts; give one prompt, or leave it out",
        prompts.size());
    long began = System.nanoTime();
    GenerationConfig ending = withStopTokens();
    List<WrittenText> texts = new ArrayList<>();
    for (int i = 0; i < prompts.size(); i++) {
      texts.add(
          new WrittenText(
              languageModel.tokenizer().streamingDecoder(true),
              ending.eosTokenIds(),
              stopStrings,
              listener == null ? piece -> {} : listener));
    }
    DogeForCausalLm model = languageModel.model();
    if (!isCancelled()) {
      TokenLoop loop = new TokenLoop(model, ending, seed);
      TokenLoop.Reader reader = tokens -> read(tokens, texts);
      if (goesOn) {
        languageModel.reading().run(loop, ending, ids.get(0), block(model), reader);
      } else {
        languageModel.reading().close(); // its memory serves this text
        loop.run(ids, block(model), reader);
      }
    }
    FinishReason end = isCancelled() ? FinishReason.CANCELLED : FinishReason.LENGTH;
    texts.forEach(t -> t.finish(end));
    double seconds = (System.nanoTime() - began) / 1e9;
    List<Generation> generations = new ArrayList<>();
    for (int i = 0; i < texts.size(); i++) {
      WrittenText text = texts.get(i);
      generations.add(
          new Generation(
              prompts.get(i),
              text.text(),
              text.tokenIds(),
              ids.get(i).length,
              text.finishReason(),
              seconds));
    }
    return generations;
  }

  private GenerationConfig withStopTokens() {
    List<Integer> ends = new ArrayList<>(config.eosTokenIds());
    ends.addAll(stopTokenIds);
    return config.with(g -> g.eosTokenIds = ends);
  }

  private int block(DogeForCausalLm model) {
    if (!model.operations().device().isGpu()) {
      return 1;
    }
    return listener == null ? BLOCK : STREAMED_BLOCK;
  }

  private boolean read(long[][] tokens, List<WrittenText> texts) {
    for (int row = 0; row < tokens.length; row++) {
      for (long token : tokens[row]) {
        texts.get(row).add((int) token);
      }
    }
    return !isCancelled() && !texts.stream().allMatch(WrittenText::isFinished);
  }

  private boolean isCancelled() {
    return cancellation.isCancelled() || Thread.currentThread().isInterrupted();
  }

  /** Ids of a prompt, opened as the model's training texts are. */
  private int[] encode(String prompt) {
    check(!prompt.isEmpty(), "the prompt is empty; give the model a few words to go on");
    return languageModel.encode(prompt);
  }
}
