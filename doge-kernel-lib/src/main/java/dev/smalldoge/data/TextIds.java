package dev.smalldoge.data;

import dev.smalldoge.tokenizer.Encoder;
import dev.smalldoge.tokenizer.IdBuffer;
import dev.smalldoge.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.OptionalInt;

/**
 * Plain texts as documents: BOS where the tokenizer puts one before texts, the text's ids, EOS
 * where it is wanted. Each thread uses its own encoder and buffer again and again.
 */
final class TextIds {
  private final OptionalInt bos;
  private final int eos;
  private final ThreadLocal<Encoder> encoders;
  private final ThreadLocal<IdBuffer> buffers = ThreadLocal.withInitial(IdBuffer::new);

  TextIds(Tokenizer tokenizer) {
    this.bos = tokenizer.openingId();
    this.eos = tokenizer.eosTokenId();
    this.encoders = ThreadLocal.withInitial(tokenizer::encoder);
  }

  /** BOS, all ids of {@code text}, which must be Unicode, and EOS. */
  EncodedDocument whole(String text) {
    return document(text, true, Integer.MAX_VALUE);
  }

  /** BOS and the ids of {@code text}, which must be Unicode; at most {@code maxLength} of them. */
  EncodedDocument cut(String text, int maxLength) {
    return document(text, false, maxLength);
  }

  private EncodedDocument document(String text, boolean ended, int maxLength) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    IdBuffer ids = buffers.get();
    ids.clear();
    bos.ifPresent(ids::add);
    encoders.get().encode(bytes, 0, bytes.length, ids);
    if (ended) {
      ids.add(eos);
    }
    return new EncodedDocument(ids.toArray(maxLength), null, bytes.length);
  }
}
