package dev.smalldoge.tokenizer;

import java.nio.charset.StandardCharsets;

/**
 * Text to ids for one thread, appended to a buffer and without an object for each piece.
 *
 * <p>The ids are those of {@link Tokenizer#encode}. Pieces that were seen before are looked up by
 * their bytes. Example: {@code var encoder = tokenizer.encoder(); int count = encoder.encode("The
 * sea", ids);}.
 */
public final class Encoder {
  private static final int MAX_CACHED_PIECES = 1 << 17;
  private static final int MAX_CACHED_LENGTH = 256;

  private final BytePairModel model; // null where DJL serves
  private final DjlTokenizer djl;
  private final Utf8 utf8 = new Utf8();
  private final PieceScanner scanner;
  private final PieceMerger merger;
  private final IdBuffer cached = new IdBuffer(); // ids of pieces that are more than one
  private PieceTable pieces; // id, or ~(place in cached << 16 | count)
  private int wholePieces;

  Encoder(BytePairModel model, DjlTokenizer djl) {
    this.model = model;
    this.djl = djl;
    this.scanner = model == null ? null : new PieceScanner(model.maxDigits());
    this.merger = model == null ? null : new PieceMerger(model);
    if (model != null) {
      forget();
    }
  }

  private void forget() {
    pieces = model.wholePieces();
    wholePieces = pieces.size();
    cached.clear();
  }

  /**
   * Appends the ids of {@code text}, without a BOS, to {@code into}.
   *
   * @return how many they are
   * @throws dev.smalldoge.config.DogeException if the text holds half a surrogate pair
   */
  public int encode(CharSequence text, IdBuffer into) {
    utf8.set(text);
    return isOurs(utf8.bytes(), 0, utf8.size())
        ? encodeValid(utf8.bytes(), 0, utf8.size(), into)
        : encodeByDjl(text.toString(), into);
  }

  /**
   * Appends the ids of UTF-8 text, without a BOS, to {@code into}.
   *
   * @param from first byte
   * @param to byte after the last one
   * @return how many they are
   * @throws dev.smalldoge.config.DogeException if the bytes are no UTF-8
   */
  public int encode(byte[] text, int from, int to, IdBuffer into) {
    Utf8.requireValid(text, from, to);
    return isOurs(text, from, to)
        ? encodeValid(text, from, to, into)
        : encodeByDjl(new String(text, from, to - from, StandardCharsets.UTF_8), into);
  }

  /** Whether our encoder serves this text; NFC leaves text below U+0300 alone. */
  private boolean isOurs(byte[] text, int from, int to) {
    if (model == null || !model.onlyLatin()) {
      return model != null;
    }
    for (int i = from; i < to; i++) {
      if ((text[i] & 0xff) >= 0xCC) {
        return false;
      }
    }
    return true;
  }

  private int encodeByDjl(String text, IdBuffer into) {
    int[] ids = djl.encode(text);
    into.add(ids, 0, ids.length);
    return ids.length;
  }

  private int encodeValid(byte[] text, int from, int to, IdBuffer into) {
    int before = into.size();
    AddedTokens added = model.added();
    int at = from;
    while (at < to) {
      int special = added.next(text, at, to);
      encodePieces(text, at, special, into);
      at = special;
      if (at < to) {
        long match = added.match(text, at, to);
        into.add((int) match);
        at = (int) (match >>> 32);
      }
    }
    return into.size() - before;
  }

  private void encodePieces(byte[] text, int from, int to, IdBuffer into) {
    int at = from;
    while (at < to) {
      int end = scanner.end(text, at, to);
      int place = pieces.find(text, at, end - at);
      if (!pieces.holds(place)) {
        encodeUnseen(text, at, end, place, into);
      } else {
        long value = pieces.value(place);
        if (value >= 0) {
          into.add((int) value);
        } else {
          into.add(cached.array(), (int) (~value >>> 16), (int) (~value & 0xffff));
        }
      }
      at = end;
    }
  }

  private void encodeUnseen(byte[] text, int from, int to, int place, IdBuffer into) {
    int before = into.size();
    merger.merge(text, from, to, into);
    if (to - from > MAX_CACHED_LENGTH) {
      return;
    }
    int count = into.size() - before;
    long value;
    if (count == 1) {
      value = into.array()[before];
    } else {
      value = ~((long) cached.size() << 16 | count);
      cached.add(into.array(), before, count);
    }
    pieces.insert(place, text, from, value);
    if (pieces.size() - wholePieces > MAX_CACHED_PIECES) {
      forget();
    }
  }
}
