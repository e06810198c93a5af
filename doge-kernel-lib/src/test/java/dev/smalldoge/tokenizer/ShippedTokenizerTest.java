package dev.smalldoge.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The tokenizer of 4096 ids under {@code datasets/shipped/tokenizer}. */
class ShippedTokenizerTest {
  private static final Path FOLDER = ShippedTexts.folder().resolve("tokenizer");
  private static final Tokenizer TOKENIZER = Tokenizer.load(FOLDER);
  private static final List<String> TEXTS = ShippedTexts.all();

  @Test
  void isRemadeBitForBit(@TempDir Path folder) throws Exception {
    Tokenizer.train(TEXTS, 4_096).save(folder);
    for (String file :
        List.of("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")) {
      assertThat(Files.mismatch(folder.resolve(file), FOLDER.resolve(file))).as(file).isEqualTo(-1);
    }
  }

  @Test
  void encodesTheShippedCorpusAsTheOracle() {
    DjlTokenizer oracle = new DjlTokenizer(TokenizerFiles.read(FOLDER));
    Encoder encoder = TOKENIZER.encoder();
    IdBuffer ids = new IdBuffer();
    for (String text : TEXTS) {
      ids.clear();
      assertThat(encoder.encode(text, ids)).isEqualTo(ids.size());
      assertThat(ids.toArray()).isEqualTo(oracle.encode(text));
      assertThat(TOKENIZER.decode(ids.toArray())).isEqualTo(text);
    }
  }

  @Test
  void encodesFuzzedUnicodeAsTheOracle() {
    DjlTokenizer oracle = new DjlTokenizer(TokenizerFiles.read(FOLDER));
    FuzzedText fuzz = new FuzzedText(1);
    for (int i = 0; i < 5_000; i++) {
      String text = fuzz.next();
      assertThat(TOKENIZER.encode(text)).as("text %d: %s", i, text).isEqualTo(oracle.encode(text));
    }
  }

  @Test
  void decodesBrokenBytesAsTheOracle() {
    DjlTokenizer oracle = new DjlTokenizer(TokenizerFiles.read(FOLDER));
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 20_000; i++) { // ids 16 to 271 are the bytes
      int[] ids = random.ints(1 + random.nextInt(6), 16, 272).toArray();
      assertThat(TOKENIZER.decode(ids)).isEqualTo(oracle.decode(ids, false));
    }
    int[] surrogate = {TOKENIZER.idOf("í").getAsInt(), TOKENIZER.idOf("ł").getAsInt()}; // ED A0
    assertThat(TOKENIZER.decode(surrogate))
        .isEqualTo(oracle.decode(surrogate, false))
        .isEqualTo("\uFFFD\uFFFD");
  }

  @Test
  void tellsItsSpecialIds() {
    assertThat(TOKENIZER.vocabSize()).isEqualTo(4_096);
    assertThat(TOKENIZER.bosTokenId()).isZero();
    assertThat(TOKENIZER.eosTokenId()).isEqualTo(1);
    assertThat(TOKENIZER.padTokenId()).isEqualTo(2);
    assertThat(TOKENIZER.token(15)).isEqualTo("<|reserved_special_token_3|>");
    assertThat(TOKENIZER.token(16)).isEqualTo("!");
    assertThat(TOKENIZER.servedByDjl()).isEmpty();
  }
}
