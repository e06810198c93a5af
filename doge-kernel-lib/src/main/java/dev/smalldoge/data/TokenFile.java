package dev.smalldoge.data;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.io.DType;
import dev.smalldoge.io.Safetensors;
import dev.smalldoge.io.TensorInfo;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.LongBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Tokens on disk, memory-mapped: opening costs the header alone, whatever the size.
 *
 * <p>It is a safetensors file, so any reader of those reads it: {@code documents} I64 (D + 1),
 * where each document begins and the last one ends; {@code text_bytes} I64 (D + 1), the UTF-8 bytes
 * of all text before it; {@code input_ids} U16 (N), or I32 beyond 65,536 ids; and, where some
 * tokens are not learned, {@code trained} BOOL (N). The metadata hold the format's version, the
 * tokenizer's fingerprint and vocabulary, and the sources in their order.
 *
 * <p>Example: {@code TokenFile.open(Path.of("datasets/speeches.tokens.safetensors")).tokens()}.
 */
public final class TokenFile {
  /** How the name of a token file should end. */
  public static final String ENDING = ".tokens.safetensors";

  static final String FORMAT = "doge tokens 1";
  static final String DOCUMENTS = "documents";
  static final String TEXT = "text_bytes";
  static final String IDS = "input_ids";
  static final String TRAINED = "trained";
  static final String SPLIT = "split";
  static final String REFERENCE = "reference";
  static final String SEEDED = "seeded";

  private final Path file;
  private final String fingerprint;
  private final int vocabSize;
  private final int padTokenId;
  private final List<SourceShare> sources;
  private final boolean splitsAsReference;
  private final long tokens;
  private final long documents;
  private final MappedArray index;
  private final MappedArray text;
  private final MappedArray ids;
  private final MappedArray trained;

  private TokenFile(Path file, Safetensors header) throws IOException {
    this.file = file;
    Map<String, String> metadata = header.metadata();
    check(
        FORMAT.equals(metadata.get("format")),
        "%s has format \"%s\", not \"%s\"; preprocess the corpus again",
        file,
        metadata.get("format"),
        FORMAT);
    this.fingerprint = String.valueOf(metadata.get("tokenizer"));
    this.vocabSize = whole(metadata, "vocab_size");
    this.padTokenId = whole(metadata, "pad_token_id");
    this.sources = sources(metadata.get("sources"));
    this.splitsAsReference = REFERENCE.equals(metadata.get(SPLIT));
    TensorInfo documentInfo = header.info(DOCUMENTS);
    TensorInfo textInfo = header.info(TEXT);
    TensorInfo idInfo = header.info(IDS);
    this.documents = documentInfo.elements() - 1;
    this.tokens = idInfo.elements();
    checkType(documentInfo, DType.I64);
    checkType(textInfo, DType.I64);
    check(
        textInfo.elements() == documents + 1,
        "%s: text_bytes has %d elements for %d documents; preprocess the corpus again",
        file,
        textInfo.elements(),
        documents);
    checkType(idInfo, vocabSize <= 1 << 16 ? DType.U16 : DType.I32);
    try (FileChannel channel = FileChannel.open(file)) {
      this.index = new MappedArray(channel, documentInfo);
      this.text = new MappedArray(channel, textInfo);
      this.ids = new MappedArray(channel, idInfo);
      this.trained =
          header.names().contains(TRAINED) ? trained(channel, header.info(TRAINED)) : null;
    }
    checkLengths();
  }

  /**
   * Opens a token file and checks that its parts agree.
   *
   * @throws DogeException if it is missing, damaged, or of another format
   */
  public static TokenFile open(Path file) {
    try (Safetensors header = Safetensors.open(file)) {
      return new TokenFile(file, header);
    } catch (IOException e) {
      throw new DogeException(file + " cannot be mapped: " + e + "; check the disk", e);
    }
  }

  private int whole(Map<String, String> metadata, String key) {
    String value = metadata.get(key);
    check(
        value != null && value.matches("[0-9]{1,9}"),
        "%s: \"%s\" is %s, not a whole number; preprocess the corpus again",
        file,
        key,
        value);
    return Integer.parseInt(value);
  }

  private List<SourceShare> sources(String json) {
    try {
      return List.of(new Gson().fromJson(json, SourceShare[].class));
    } catch (JsonParseException | NullPointerException e) {
      throw new DogeException(
          file + " has no readable list of sources; preprocess the corpus again", e);
    }
  }

  private MappedArray trained(FileChannel channel, TensorInfo info) throws IOException {
    checkType(info, DType.BOOL);
    check(
        info.elements() == tokens,
        "%s: trained has %d elements for %d tokens; preprocess the corpus again",
        file,
        info.elements(),
        tokens);
    return new MappedArray(channel, info);
  }

  private void checkType(TensorInfo info, DType expected) {
    check(
        info.dtype() == expected && info.shape().length == 1,
        "%s: %s is not one-dimensional %s; preprocess the corpus again",
        file,
        info,
        expected);
  }

  private void checkLengths() {
    check(
        documents > 0 && start(0) == 0 && start(documents) == tokens,
        "%s: its index does not span its %d tokens; it is damaged, preprocess the corpus again",
        file,
        tokens);
    check(
        textBefore(documents) == textBytes(),
        "%s: its sources have %d bytes of text, not %d; preprocess the corpus again",
        file,
        textBytes(),
        textBefore(documents));
    check(
        sources.stream().mapToLong(SourceShare::documents).sum() == documents
            && sources.stream().mapToLong(SourceShare::tokens).sum() == tokens
            && sources.stream().allMatch(source -> source.used() >= source.documents()),
        "%s: its sources do not add up to %d documents and %d tokens; preprocess the corpus again",
        file,
        documents,
        tokens);
  }

  /**
   * Refuses a tokenizer that did not make this file.
   *
   * @throws DogeException with both fingerprints
   */
  public TokenFile requireTokenizer(Tokenizer tokenizer) {
    check(
        fingerprint.equals(tokenizer.fingerprint()),
        "%s was made with tokenizer %.12s, not with %.12s; load that one, or preprocess again",
        file,
        fingerprint,
        tokenizer.fingerprint());
    return this;
  }

  /** Where it is. */
  public Path file() {
    return file;
  }

  /** The tokenizer that made it, as SHA-256. */
  public String fingerprint() {
    return fingerprint;
  }

  /** Number of ids that the tokenizer has. */
  public int vocabSize() {
    return vocabSize;
  }

  /** The id that fills unused places. */
  public int padTokenId() {
    return padTokenId;
  }

  /** All tokens, special ones included. */
  public long tokens() {
    return tokens;
  }

  /** How many documents there are. */
  public long documents() {
    return documents;
  }

  /** UTF-8 bytes of the text that was tokenized. */
  public long textBytes() {
    return sources.stream().mapToLong(SourceShare::textBytes).sum();
  }

  /** UTF-8 bytes of the text of {@code document}. */
  public long textBytes(long document) {
    return textBefore(document + 1) - textBefore(document);
  }

  /** UTF-8 bytes of all text before {@code document}, in [0, D]. */
  long textBefore(long document) {
    return text.get(document);
  }

  /** What each source gave; their documents follow each other in this order. */
  public List<SourceShare> sources() {
    return sources;
  }

  /** Whether its documents are held out as the reference does, see {@link ReferenceSplit}. */
  boolean splitsAsReference() {
    return splitsAsReference;
  }

  /** Whether some tokens are not learned. */
  public boolean masked() {
    return trained != null;
  }

  /** The first token of {@code document}, in [0, D]; D gives the number of tokens. */
  public long start(long document) {
    return index.get(document);
  }

  /** The ids of {@code document}. */
  public int[] document(long document) {
    int length = Math.toIntExact(start(document + 1) - start(document));
    int[] copy = new int[length];
    for (int i = 0; i < length; i++) {
      copy[i] = (int) ids.get(start(document) + i);
    }
    return copy;
  }

  /** Which tokens of {@code document} are learned. */
  public boolean[] trained(long document) {
    boolean[] copy = new boolean[Math.toIntExact(start(document + 1) - start(document))];
    for (int i = 0; i < copy.length; i++) {
      copy[i] = trained == null || trained.get(start(document) + i) != 0;
    }
    return copy;
  }

  /** Copies ids from token {@code from} on. */
  void ids(long from, int count, LongBuffer out, int at) {
    ids.get(from, count, out, at);
  }

  /** Copies, per token, 1 where it is learned and 0 where not; of a masked file alone. */
  void trained(long from, int count, LongBuffer out, int at) {
    trained.get(from, count, out, at);
  }

  /** The document that token {@code token} belongs to. */
  long documentOf(long token) {
    long low = 0;
    long high = documents;
    while (high - low > 1) { // start(low) <= token < start(high)
      long middle = (low + high) >>> 1;
      if (start(middle) <= token) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            "%s: %,d documents, %,d tokens, %,d bytes of text (%.2f a token)",
            file.getFileName(), documents, tokens, textBytes(), (double) textBytes() / tokens));
    for (SourceShare source : sources) {
      text.append(
          String.format(
              "%n  %-24s %,12d documents %,15d tokens %5.1f %%%s",
              source.name(),
              source.documents(),
              source.tokens(),
              100.0 * source.tokens() / tokens,
              source.used() == source.documents()
                  ? ""
                  : String.format(", %,d used an epoch", source.used())));
    }
    return text.toString();
  }
}
