package dev.smalldoge.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import dev.smalldoge.config.DogeException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class StreamingDecoderTest {
  private static final Tokenizer TOKENIZER =
      Tokenizer.load(ShippedTexts.folder().resolve("tokenizer"));

  @Test
  void holdsACharacterBackUntilItIsWhole() {
    StreamingDecoder decoder = TOKENIZER.streamingDecoder();
    List<String> pieces = new ArrayList<>();
    for (int id : TOKENIZER.encode("a\uD83C\uDF0Ab")) { // the wave is four bytes, four ids
      pieces.add(decoder.add(id));
    }
    assertThat(pieces).containsExactly("a", "", "", "", "\uD83C\uDF0A", "b");
    assertThat(decoder.finish()).isEmpty();
  }

  @Test
  void givesAReplacementForACharacterThatNeverEnds() {
    StreamingDecoder decoder = TOKENIZER.streamingDecoder();
    int[] wave = TOKENIZER.encode("\uD83C\uDF0A");
    assertThat(decoder.add(wave[0]) + decoder.add(wave[1])).isEmpty();
    assertThat(decoder.add(TOKENIZER.encode("b")[0])).isEqualTo("\uFFFDb");
    assertThat(decoder.add(wave[0])).isEmpty();
    assertThat(decoder.finish()).isEqualTo("\uFFFD");
    assertThat(decoder.add(TOKENIZER.encode("c")[0])).isEqualTo("c");
  }

  @Test
  void joinsToTheDecodedTextForAnyIds() {
    SplittableRandom random = new SplittableRandom(233);
    for (int round = 0; round < 5_000; round++) {
      boolean skip = round % 2 == 0;
      // mostly single bytes, so that broken UTF-8 of every kind occurs
      int[] ids = random.ints(1 + random.nextInt(10), 0, 300).toArray();
      StreamingDecoder decoder = TOKENIZER.streamingDecoder(skip);
      StringBuilder joined = new StringBuilder();
      for (int id : ids) {
        String piece = decoder.add(id);
        joined.append(piece);
      }
      joined.append(decoder.finish());
      assertThat(joined.toString()).isEqualTo(TOKENIZER.decode(ids, skip));
    }
  }

  /** A tokenizer of the SentencePiece kind: "▁" is a space, which a beginning loses. */
  private static Tokenizer pieces(Path folder) throws Exception {
    JsonObject vocab = new JsonObject();
    for (String token : new String[] {"<unk>", "\u2581", "a", "b", "\u2581sea", "\u2581.", "."}) {
      vocab.addProperty(token, vocab.size());
    }
    for (int b = 0; b < 256; b++) {
      vocab.addProperty(String.format("<0x%02X>", b), vocab.size());
    }
    String decoder =
        "{'type':'Sequence','decoders':[{'type':'Replace','pattern':{'String':'\u2581'},"
            + "'content':' '},{'type':'ByteFallback'},{'type':'Fuse'},"
            + "{'type':'Strip','content':' ','start':1,'stop':0}]}";
    Files.writeString(
        folder.resolve("tokenizer.json"),
        ("{'version':'1.0','added_tokens':[],'decoder':"
                    + decoder
                    + ",'model':{'type':'BPE','unk_token':'<unk>','byte_fallback':true,'merges':[],"
                    + "'vocab':")
                .replace('\'', '"')
            + vocab
            + "}}");
    return Tokenizer.load(folder);
  }

  @Test
  void joinsToTheDecodedTextWhereTokensDependOnThoseBefore(@TempDir Path folder) throws Exception {
    Tokenizer tokenizer = pieces(folder);
    assertThat(tokenizer.isByteLevel()).isFalse();
    assertThat(tokenizer.decode(4, 2, 4)).isEqualTo("seaa sea");
    SplittableRandom random = new SplittableRandom(233);
    for (int round = 0; round < 60; round++) {
      int[] ids = random.ints(500, 1, 7).toArray();
      for (int i = 3; i < ids.length; i += 50) { // a wave of four bytes
        ids[i - 3] = 7 + 0xF0;
        ids[i - 2] = 7 + 0x9F;
        ids[i - 1] = 7 + 0x8C;
        ids[i] = 7 + 0x8A;
      }
      StreamingDecoder decoder = tokenizer.streamingDecoder();
      StringBuilder joined = new StringBuilder();
      for (int id : ids) {
        joined.append(decoder.add(id));
      }
      assertThat(joined.append(decoder.finish()).toString()).isEqualTo(tokenizer.decode(ids));
    }
  }

  /** Decoding everything again at each token would take minutes for so many. */
  @Test
  @Timeout(20)
  void costsTheSameForEachTokenHoweverManyCameBefore(@TempDir Path folder) throws Exception {
    StreamingDecoder decoder = pieces(folder).streamingDecoder();
    int characters = 0;
    for (int i = 0; i < 40_000; i++) {
      characters += decoder.add(2 + i % 3).length();
    }
    assertThat(characters).isEqualTo(13_334 + 13_333 + 4 * 13_333);
  }

  @Test
  void refusesAnIdWithoutAToken() {
    assertThatThrownBy(() -> TOKENIZER.streamingDecoder().add(4_096))
        .isInstanceOf(DogeException.class)
        .hasMessage(
            "id 4096 has no token in this vocabulary of 4096; were the ids made by another"
                + " tokenizer?");
  }
}
