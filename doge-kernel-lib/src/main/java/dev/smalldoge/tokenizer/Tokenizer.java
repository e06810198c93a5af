package dev.smalldoge.tokenizer;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.Home;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A Hugging Face tokenizer: text to ids and back, exactly as {@code tokenizers} does.
 *
 * <p>Example: {@code Tokenizer.load("datasets/doge-tokenizer").encode("The sea")}. Threads may
 * share it.
 */
public final class Tokenizer {
  /** What was said of chat templates already: once a process is enough. */
  private static final Set<String> CAUTIONED = ConcurrentHashMap.newKeySet();

  private final TokenizerFiles files;
  private final Vocabulary vocabulary;
  private final boolean byteLevel;
  private final DjlTokenizer djl;
  private final BytePairModel model; // null where DJL serves
  private final String servedByDjl; // why, or null
  private final ThreadLocal<Encoder> encoders = ThreadLocal.withInitial(this::encoder);
  private final String fingerprint;

  /** A tokenizer whose files are in memory. */
  static Tokenizer of(TokenizerFiles files) {
    return new Tokenizer(files);
  }

  private Tokenizer(TokenizerFiles files) {
    this.files = files;
    this.vocabulary = new Vocabulary(files.name(), files.tokenizer());
    this.byteLevel = isByteLevel(files.tokenizer().get("decoder"));
    this.djl = new DjlTokenizer(files);
    this.servedByDjl = UnsupportedFeature.in(files.tokenizer());
    if (servedByDjl == null) {
      this.model = new BytePairModel(files.name(), files.tokenizer(), vocabulary);
    } else {
      this.model = null;
      djl.open();
    }
    this.fingerprint = files.fingerprint();
  }

  private static boolean isByteLevel(JsonElement decoder) {
    return decoder != null
        && decoder.isJsonObject()
        && decoder.getAsJsonObject().get("type").getAsString().equals("ByteLevel");
  }

  /**
   * Opens a folder with a {@code tokenizer.json}, or that file itself; {@code
   * tokenizer_config.json} and {@code special_tokens_map.json} are read where they lie beside it.
   *
   * @throws DogeException if a file is missing, damaged or of no known kind
   */
  public static Tokenizer load(Path folderOrFile) {
    return new Tokenizer(TokenizerFiles.read(folderOrFile));
  }

  /** As {@link #load(Path)}; a relative path is seen from the project's folder too. */
  public static Tokenizer load(String folderOrFile) {
    return load(Home.path(folderOrFile));
  }

  /**
   * Trains a byte-level BPE tokenizer in the layout of the Doge tokenizer on all processors; the
   * result depends on the texts alone, not on their order.
   *
   * <p>Special tokens come first, 256 of them as in the Doge tokenizer, or 16 where {@code
   * vocabSize} is below 8192; then the bytes; then what training finds.
   *
   * @param texts read once, in batches, never held all together
   * @param vocabSize ids, such as 32768
   * @throws DogeException if the texts are too few for that many ids
   */
  public static Tokenizer train(Iterable<String> texts, int vocabSize) {
    int threads = Runtime.getRuntime().availableProcessors();
    return new Tokenizer(DogeLayout.train(PieceCounts.of(texts, threads), vocabSize));
  }

  /**
   * Writes {@code tokenizer.json}, {@code tokenizer_config.json} (with the chat template) and
   * {@code special_tokens_map.json} to {@code folder}; the first byte for byte as it was read.
   */
  public void save(Path folder) {
    files.write(folder);
  }

  /** As {@link #save(Path)}. */
  public void save(String folder) {
    save(Home.path(folder));
  }

  /**
   * Ids of {@code text}, without a BOS: as Hugging Face with {@code add_special_tokens=false}.
   * Special tokens that the text spells become their ids, as there.
   */
  public int[] encode(String text) {
    IdBuffer ids = new IdBuffer();
    encoders.get().encode(text, ids);
    return ids.toArray();
  }

  /** An encoder for one thread, to append the ids of many texts to one buffer. */
  public Encoder encoder() {
    return new Encoder(model, djl);
  }

  /**
   * Why Hugging Face's own library encodes, at a tenth of the speed, rather than our byte-level
   * BPE; empty where ours does.
   */
  public Optional<String> servedByDjl() {
    return Optional.ofNullable(servedByDjl).map(why -> files.name() + " has " + why);
  }

  /**
   * Text of {@code ids}, special tokens spelled out; bytes that are no UTF-8 become U+FFFD.
   *
   * @throws DogeException if an id has no token
   */
  public String decode(int... ids) {
    return decode(ids, false);
  }

  /** As {@link #decode(int...)}; leaves special tokens out where {@code skipSpecialTokens}. */
  public String decode(int[] ids, boolean skipSpecialTokens) {
    if (!byteLevel) {
      return djl.decode(ids, skipSpecialTokens);
    }
    byte[] bytes = new byte[8 * ids.length];
    int size = 0;
    for (int id : ids) {
      byte[] token = bytesOf(id);
      if (skipSpecialTokens && vocabulary.isSpecial(id)) {
        continue;
      }
      if (bytes.length - size < token.length) {
        bytes = Arrays.copyOf(bytes, 2 * bytes.length + token.length);
      }
      System.arraycopy(token, 0, bytes, size, token.length);
      size += token.length;
    }
    return Utf8.decode(bytes, 0, size);
  }

  /** Whether a token's bytes do not depend on those before it. */
  boolean isByteLevel() {
    return byteLevel;
  }

  /** The bytes of a token of a byte-level tokenizer. */
  byte[] bytesOf(int id) {
    return ByteAlphabet.decode(vocabulary.token(id));
  }

  /**
   * In which character of {@code text} each of the tokens begins that {@link #encode} makes of it.
   */
  int[] starts(String text, int[] ids) {
    return model == null ? djl.starts(text) : byteLevelStarts(text, ids);
  }

  private int[] byteLevelStarts(String text, int[] ids) {
    int[] starts = new int[ids.length];
    int character = 0;
    long byteAt = 0; // where that character begins
    long tokenAt = 0;
    for (int i = 0; i < ids.length; i++) {
      while (character < text.length()
          && byteAt + utf8Length(text.codePointAt(character)) <= tokenAt) {
        int codePoint = text.codePointAt(character);
        byteAt += utf8Length(codePoint);
        character += Character.charCount(codePoint);
      }
      starts[i] = character;
      tokenAt += bytesOf(ids[i]).length;
    }
    return starts;
  }

  private static int utf8Length(int codePoint) {
    return codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
  }

  /** Number of ids, those of special tokens included: what a model's vocabulary must hold. */
  public int vocabSize() {
    return vocabulary.size();
  }

  /**
   * Id that is put before a text, as Hugging Face does with {@code add_special_tokens}: decided by
   * {@code add_bos_token} of tokenizer_config.json, else by the post-processor of tokenizer.json,
   * else there is one where a BOS is named.
   */
  public OptionalInt openingId() {
    return OpeningToken.of(files).map(this::idOf).orElse(OptionalInt.empty());
  }

  /** Id that opens a sequence. */
  public int bosTokenId() {
    return specialId("bos_token");
  }

  /** Id that ends a document, and a turn of a conversation. */
  public int eosTokenId() {
    return specialId("eos_token");
  }

  /** Id that fills up short sequences, never trained on. */
  public int padTokenId() {
    return specialId("pad_token");
  }

  private int specialId(String key) {
    String token = files.special(key).orElse(null);
    check(
        token != null,
        "%s names no %s; add it to the tokenizer_config.json beside it",
        files.name(),
        key);
    OptionalInt id = vocabulary.idOf(token);
    check(
        id.isPresent(),
        "%s has no token %s, which tokenizer_config.json names as %s; fetch both again",
        files.name(),
        token,
        key);
    return id.getAsInt();
  }

  /** Id of a token as tokenizer.json spells it, such as {@code <|eot_id|>} or {@code Ġthe}. */
  public OptionalInt idOf(String token) {
    return vocabulary.idOf(token);
  }

  /**
   * The token of an id as tokenizer.json spells it; {@link #decode} gives its text.
   *
   * @throws DogeException if the id has none
   */
  public String token(int id) {
    return vocabulary.token(id);
  }

  /** Whether {@code id} is a special token, such as BOS. */
  public boolean isSpecial(int id) {
    return vocabulary.isSpecial(id);
  }

  /** SHA-256 of tokenizer.json, 64 hex digits: what {@code sha256sum} prints. */
  public String fingerprint() {
    return fingerprint;
  }

  /**
   * The chat template that {@code tokenizer_config.json} carries.
   *
   * @throws DogeException if it carries none
   */
  public ChatTemplate chatTemplate() {
    JsonObject config = files.config();
    check(
        config.has("chat_template") && config.get("chat_template").isJsonPrimitive(),
        "%s has no chat_template in the tokenizer_config.json beside it; use the tokenizer of an"
            + " instruct model",
        files.name());
    Map<String, Object> variables = new LinkedHashMap<>();
    for (String key : new String[] {"bos_token", "eos_token", "pad_token", "unk_token"}) {
      files.special(key).ifPresent(token -> variables.put(key, token));
    }
    ChatTemplate template = new ChatTemplate(config.get("chat_template").getAsString(), variables);
    template.caution().filter(CAUTIONED::add).ifPresent(System.err::println);
    return template;
  }

  /** Decodes one id at a time, special tokens spelled out, never splitting a character. */
  public StreamingDecoder streamingDecoder() {
    return streamingDecoder(false);
  }

  /** As {@link #streamingDecoder()}; leaves special tokens out where {@code skipSpecialTokens}. */
  public StreamingDecoder streamingDecoder(boolean skipSpecialTokens) {
    return new StreamingDecoder(this, skipSpecialTokens);
  }

  /** Kind and size, as {@code Tokenizer of 32768 ids}. */
  @Override
  public String toString() {
    return "Tokenizer of " + vocabSize() + " ids (" + files.name() + ")";
  }
}
