package dev.smalldoge.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.smalldoge.config.DogeException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BadFilesTest {
  private static final Path SHIPPED = ShippedTexts.folder().resolve("tokenizer");
  private static final String TEXT = "The sea'S 1234  \n\n x <|end_of_text|> 海";

  @TempDir private Path folder;
  private JsonObject json;

  @BeforeEach
  void read() throws Exception {
    json =
        JsonParser.parseString(Files.readString(SHIPPED.resolve("tokenizer.json")))
            .getAsJsonObject();
  }

  private Tokenizer changed(Consumer<JsonObject> change) throws Exception {
    change.accept(json);
    return written(json.toString());
  }

  private Tokenizer written(String text) throws Exception {
    Files.writeString(folder.resolve("tokenizer.json"), text);
    return Tokenizer.load(folder);
  }

  private void assertRefused(String text, String sentence) {
    assertThatThrownBy(() -> written(text))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining(sentence);
  }

  @Test
  void refusesMissingAndTornFiles() {
    assertThatThrownBy(() -> Tokenizer.load(folder))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("tokenizer.json does not exist; give a folder with a tokenizer.json");
    assertThatThrownBy(() -> Tokenizer.load(folder.resolve("no.json")))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("no.json does not exist");
    assertRefused("{\"model\": {", "is not JSON");
    assertRefused("<html>", "is not JSON");
    assertRefused("[]", "holds no JSON object");
    assertRefused("{}", "has no \"model\"; it is no tokenizer.json");
    assertRefused("{\"model\": {\"type\": \"BPE\", \"vocab\": {}}}", "has no tokens");
    assertRefused(
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 0}}}",
        "gives id 0 to both a and b");
    assertRefused("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}}}", "the id -1");
    assertRefused("{\"model\": {\"type\": \"Magic\", \"vocab\": {\"a\": 0}}}", "is not understood");
  }

  @Test
  void refusesAMergeOfTokensThatAreNotThere() throws Exception {
    JsonArray merge = new JsonArray();
    merge.add("Ġt");
    merge.add("qqqq");
    assertThatThrownBy(
            () -> changed(j -> j.getAsJsonObject("model").getAsJsonArray("merges").add(merge)))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("merges Ġt and qqqq, but its vocabulary has no qqqq");
  }

  @Test
  void namesTheSpecialTokenThatIsMissing() throws Exception {
    Tokenizer bare = written(json.toString()); // no tokenizer_config.json beside it
    assertThatThrownBy(bare::bosTokenId)
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("names no bos_token; add it to the tokenizer_config.json");
    assertThatThrownBy(bare::chatTemplate)
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("has no chat_template");
    Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\": \"</s>\"}");
    assertThatThrownBy(Tokenizer.load(folder)::eosTokenId)
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("has no token </s>, which tokenizer_config.json names as eos_token");
  }

  @Test
  void readsMergesAsTextToo() throws Exception {
    Tokenizer tokenizer =
        changed(
            j -> {
              JsonArray texts = new JsonArray();
              for (var merge : j.getAsJsonObject("model").getAsJsonArray("merges")) {
                JsonArray pair = merge.getAsJsonArray();
                texts.add(pair.get(0).getAsString() + " " + pair.get(1).getAsString());
              }
              j.getAsJsonObject("model").add("merges", texts);
            });
    assertThat(tokenizer.servedByDjl()).isEmpty();
    assertLikeDjl(tokenizer);
  }

  @Test
  void followsMergesWhereTheyAreNotIgnored() throws Exception {
    assertLikeDjl(changed(j -> j.getAsJsonObject("model").addProperty("ignore_merges", false)));
  }

  @Test
  void readsThePatternOfQwen() throws Exception {
    Tokenizer tokenizer =
        changed(
            j -> {
              pattern(j).addProperty("Regex", PieceScanner.QWEN);
              j.add("normalizer", JsonParser.parseString("{\"type\": \"NFC\"}"));
            });
    assertThat(tokenizer.servedByDjl()).isEmpty();
    assertLikeDjl(tokenizer);
  }

  private static JsonObject pattern(JsonObject tokenizer) {
    return tokenizer
        .getAsJsonObject("pre_tokenizer")
        .getAsJsonArray("pretokenizers")
        .get(0)
        .getAsJsonObject()
        .getAsJsonObject("pattern");
  }

  @Test
  void leavesOtherKindsToDjlAndSaysWhy() throws Exception {
    Tokenizer other = changed(j -> pattern(j).addProperty("Regex", "\\s+|\\S+"));
    assertThat(other.servedByDjl().orElseThrow()).contains("a pre-tokenizer other than");
    assertLikeDjl(other);
    Tokenizer stripping =
        changed(
            j -> {
              pattern(j).addProperty("Regex", PieceScanner.LLAMA_3);
              j.getAsJsonArray("added_tokens").get(1).getAsJsonObject().addProperty("lstrip", true);
            });
    assertThat(stripping.servedByDjl().orElseThrow()).contains("with lstrip");
    assertLikeDjl(stripping);
  }

  /** Over fuzzed text, by characters and by bytes. */
  private void assertLikeDjl(Tokenizer tokenizer) {
    DjlTokenizer oracle = new DjlTokenizer(TokenizerFiles.read(folder));
    FuzzedText fuzz = new FuzzedText(7);
    Encoder encoder = tokenizer.encoder();
    for (int i = 0; i < 1_000; i++) {
      String text = i == 0 ? TEXT : fuzz.next();
      int[] ids = tokenizer.encode(text);
      assertThat(ids).as(text).isEqualTo(oracle.encode(text));
      IdBuffer buffer = new IdBuffer();
      byte[] bytes = ("é" + text + "é").getBytes(StandardCharsets.UTF_8);
      encoder.encode(bytes, 2, bytes.length - 2, buffer);
      assertThat(buffer.toArray()).as(text).isEqualTo(ids);
    }
  }

  @Test
  void refusesTextThatIsNoUnicode() {
    Tokenizer tokenizer = Tokenizer.load(SHIPPED);
    assertThatThrownBy(() -> tokenizer.encode("ab\uD83C"))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("half a surrogate pair, U+D83C, at character 2");
    byte[][] broken = {
      {'a', (byte) 0xFF}, {'a', (byte) 0xC3}, {'a', (byte) 0xED, (byte) 0xA0, 'x'}
    };
    for (byte[] bytes : broken) {
      assertThatThrownBy(() -> tokenizer.encoder().encode(bytes, 0, bytes.length, new IdBuffer()))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("byte 1 of the text");
    }
  }
}
