package dev.smalldoge.generate;

import dev.smalldoge.config.GenerationConfig;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.RopeScaling;
import dev.smalldoge.model.Decoder;
import dev.smalldoge.model.DogeForCausalLm;
import java.util.Arrays;
import java.util.List;

/**
 * What a model read last, so that a conversation that has grown is read from where it has: of the
 * next prompt only what differs is read. One text at a time; safe for several threads, of which one
 * finds it.
 */
final class KeptReading implements AutoCloseable {
  /** Room of the smallest cache, so that few turns outgrow it. */
  private static final int SMALLEST_ROOM = 512;

  private final DogeForCausalLm model;
  private Reading kept;
  private int lastRead;

  /** A decoder with room for {@code capacity} tokens that has read at least {@code ids}. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Reading(Decoder decoder, int capacity, int[] ids) {}

  KeptReading(DogeForCausalLm model) {
    this.model = model;
  }

  /** Writes after one prompt as {@link TokenLoop#run} does. */
  void run(
      TokenLoop loop, GenerationConfig config, int[] prompt, int block, TokenLoop.Reader reader) {
    PromptBatch prompts = loop.fitting(List.of(prompt));
    Reading reading = takeOrMake(prompt.length + config.maxNewTokens());
    Decoder decoder = reading.decoder;
    boolean keeps = false;
    try {
      int known = known(reading.ids, prompt);
      decoder.rewind(known);
      lastRead = prompt.length - known;
      PromptBatch unread =
          new PromptBatch(List.of(Arrays.copyOfRange(prompt, known, prompt.length)));
      int[] ids = Arrays.copyOf(prompt, prompt.length + config.maxNewTokens());
      int[] count = {prompt.length};
      loop.run(
          decoder,
          prompts,
          unread,
          block,
          tokens -> {
            for (long token : tokens[0]) {
              ids[count[0]++] = (int) token;
            }
            return reader.read(tokens);
          });
      int read = count[0] - 1; // the last one was written, and perhaps not read
      for (int i = prompt.length; i < read; i++) {
        read = config.eosTokenIds().contains(ids[i]) ? i : read; // padding may follow an end
      }
      if (decoder.isCurrent()) {
        keep(new Reading(decoder, reading.capacity, Arrays.copyOf(ids, read)));
        keeps = true;
      }
    } finally {
      if (!keeps) {
        decoder.close();
      }
    }
  }

  /** How many tokens of the last prompt were not known yet. */
  int lastRead() {
    return lastRead;
  }

  /** How many tokens at the beginning need not be read; not all, for the last one's logits. */
  private static int known(int[] read, int[] prompt) {
    int differs = Arrays.mismatch(read, prompt);
    int same = Math.min(differs < 0 ? prompt.length : differs, prompt.length - 1);
    // Reading on makes all scores at once, which for most of a long prompt is worse than all anew.
    return 2 * same < prompt.length && prompt.length > SMALLEST_ROOM ? 0 : same;
  }

  private Reading takeOrMake(int needed) {
    Reading before = take();
    if (before != null) {
      if (before.capacity >= needed && before.decoder.isCurrent()) {
        return before;
      }
      before.decoder.close();
    }
    int room = room(needed);
    return new Reading(model.newDecoder(1, room), room, new int[0]);
  }

  private int room(int needed) {
    ModelConfig config = model.config();
    RopeScaling scaling = config.ropeScaling();
    int most = PromptBatch.mostPositions(config);
    if (scaling.isDynamic() && needed <= scaling.originalMaxPositionEmbeddings()) {
      most = scaling.originalMaxPositionEmbeddings(); // up to there the base stays
    }
    if (needed <= config.keepWindowSize()) {
      most = Math.min(most, config.keepWindowSize()); // up to there own kernels may serve
    }
    return Math.max(needed, Math.min(most, Math.max(SMALLEST_ROOM, 2 * needed)));
  }

  private synchronized Reading take() {
    Reading taken = kept;
    kept = null;
    return taken;
  }

  private synchronized void keep(Reading reading) {
    close();
    if (!turnsWithLength(reading)) {
      kept = reading;
    } else {
      reading.decoder.close();
    }
  }

  /** Whether later tokens would turn those that were read by another rotary base. */
  private boolean turnsWithLength(Reading reading) {
    RopeScaling scaling = model.config().ropeScaling();
    return scaling.isDynamic() && reading.capacity > scaling.originalMaxPositionEmbeddings();
  }

  @Override
  public synchronized void close() {
    if (kept != null) {
      kept.decoder.close();
      kept = null;
    }
  }
}
