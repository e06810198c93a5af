package dev.smalldoge.generate;

import dev.smalldoge.config.GenerationConfig;
import dev.smalldoge.model.Decoder;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.TokenWriter;
import dev.smalldoge.torch.DType;
import dev.smalldoge.torch.DecodeDraws.Draws;
import dev.smalldoge.torch.GenerationOperations;
import dev.smalldoge.torch.GenerationOperations.Choice;
import dev.smalldoge.torch.GenerationOperations.Chosen;
import dev.smalldoge.torch.GradMode;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * Writes tokens after prompts, ids in and ids out. The tokens stay on the device and are read in
 * blocks, so that a GPU need not wait for the host; a text that has ended is therefore noticed a
 * few tokens late.
 *
 * <p>Draws come from {@link SplittableRandom}, row r from seed + r: equal seeds give equal texts,
 * whatever else is in the batch, and libtorch's random numbers are left as they are.
 */
public final class TokenLoop {
  /** Gets each block of new tokens, (rows, tokens of the block). */
  public interface Reader {
    /** Takes the tokens; whether there shall be more. */
    boolean read(long[][] tokens);
  }

  private final DogeForCausalLm model;
  private final Operations operations;
  private final GenerationOperations choosing;
  private final GenerationConfig config;
  private final long seed;

  /** A loop that writes as {@code config} says, drawing from {@code seed}. */
  public TokenLoop(DogeForCausalLm model, GenerationConfig config, long seed) {
    this.model = model;
    this.operations = model.operations();
    this.choosing = operations.generation();
    this.config = config;
    this.seed = seed;
  }

  /**
   * Writes until the reader has enough or {@code maxNewTokens} are written.
   *
   * @param promptIds the prompts' ids, one array a row, of any lengths
   * @param block tokens that are read at a time
   * @throws dev.smalldoge.config.DogeException if a prompt is empty or too long for the model
   */
  public void run(List<int[]> promptIds, int block, Reader reader) {
    PromptBatch prompts = fitting(promptIds);
    try (Decoder decoder =
        model.newDecoder(prompts.size(), prompts.length() + config.maxNewTokens())) {
      run(decoder, prompts, prompts, block, reader);
    }
  }

  /** The prompts, if the model has positions for them and for what is written. */
  PromptBatch fitting(List<int[]> promptIds) {
    PromptBatch prompts = new PromptBatch(promptIds);
    prompts.requireFits(model.config(), config.maxNewTokens());
    return prompts;
  }

  /**
   * The same with a decoder that may have read the beginning.
   *
   * @param prompts all that the texts follow
   * @param unread what the decoder has not read of them
   */
  void run(Decoder decoder, PromptBatch prompts, PromptBatch unread, int block, Reader reader) {
    int rows = prompts.size();
    int most = config.maxNewTokens();
    try (GradMode off = GradMode.off();
        TensorScope all = new TensorScope()) {
      Choice choice = choice(prompts);
      Chosen chosen =
          new Chosen(
              operations.zeros(DType.INT64, rows, most),
              operations.zeros(DType.BOOL, rows),
              operations.longs(
                  config.eosTokenIds().stream().mapToLong(Integer::longValue).toArray(),
                  config.eosTokenIds().size()));
      Tensor ids = unread.inputIds(operations, config.padTokenId());
      Tensor first =
          choosing.chooseTokens(
              decoder.read(ids, unread.padding()), choice, chosen, 0, config.minNewTokens() == 0);
      Optional<TokenWriter> writer = deviceChooses() ? decoder.tokenWriter() : Optional.empty();
      if (writer.isPresent()) {
        writeAhead(writer.get(), first, draws(choice), block, reader);
      } else {
        writeStepwise(decoder, first, choice, chosen, block, reader);
      }
    }
  }

  /** Whether logits and draws alone decide on a token, not what was written before. */
  private boolean deviceChooses() {
    return config.repetitionPenalty() == 1 && config.eosTokenIds().size() <= TokenWriter.MOST_ENDS;
  }

  /** The device writes by itself; the host asks for a block before it reads the one before. */
  private void writeAhead(
      TokenWriter writer, Tensor first, Optional<Draws> draws, int block, Reader reader) {
    int most = config.maxNewTokens();
    int asked = Math.min(block, most);
    writer.begin(
        first,
        new TokenWriter.Ends(config.eosTokenIds(), config.padTokenId(), config.minNewTokens()),
        draws);
    writer.write(asked - 1);
    boolean more = true;
    for (int read = 0; more && read < most; ) {
      int count = Math.min(block, most - asked);
      if (count > 0) {
        writer.write(count);
        asked += count;
      }
      long[][] tokens = writer.read();
      read += tokens[0].length;
      more = reader.read(tokens);
    }
  }

  /** The host asks for logits and chooses from them, token by token. */
  private void writeStepwise(
      Decoder decoder, Tensor first, Choice choice, Chosen chosen, int block, Reader reader) {
    int most = config.maxNewTokens();
    Tensor next = first;
    int read = 0;
    for (int written = 1; written <= most; written++) {
      if (written - read == block || written == most) {
        if (!reader.read(columns(chosen.output(), read, written - read))) {
          return;
        }
        read = written;
      }
      if (written < most) {
        try (TensorScope scope = new TensorScope()) {
          boolean mayEnd = written >= config.minNewTokens();
          next =
              scope.keep(
                  choosing.chooseTokens(decoder.next(next), choice, chosen, written, mayEnd));
        }
      }
    }
  }

  private long[][] columns(Tensor output, int start, int count) {
    long[] flat = choosing.columns(output, start, count).toLongs();
    long[][] rows = new long[flat.length / count][count];
    for (int row = 0; row < rows.length; row++) {
      System.arraycopy(flat, row * count, rows[row], 0, count);
    }
    return rows;
  }

  private Choice choice(PromptBatch prompts) {
    List<Tensor> seen = List.of();
    if (config.repetitionPenalty() != 1) {
      Tensor ids = prompts.inputIds(operations, config.padTokenId());
      Tensor mask = prompts.keyMask(operations);
      seen = List.of(choosing.idsSeen(ids, mask, model.config().vocabSize()));
    }
    return new Choice(
        seen,
        config.doSample() ? List.of(noise(prompts.size())) : List.of(),
        config.padTokenId(),
        config.topK(),
        config.temperature(),
        config.topP(),
        config.minP(),
        config.repetitionPenalty());
  }

  private static Optional<Draws> draws(Choice choice) {
    return choice.noise().stream()
        .map(n -> new Draws(choice.topK(), choice.temperature(), choice.topP(), choice.minP(), n))
        .findFirst();
  }

  private Tensor noise(int rows) {
    int steps = config.maxNewTokens();
    float[] draws = new float[steps * rows];
    for (int row = 0; row < rows; row++) {
      SplittableRandom random = new SplittableRandom(seed + row);
      for (int step = 0; step < steps; step++) {
        draws[step * rows + row] = random.nextInt(1 << 23) / (float) (1 << 23);
      }
    }
    return operations.floats(draws, steps, rows);
  }
}
