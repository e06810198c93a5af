package dev.smalldoge.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.GenerationConfig;
import dev.smalldoge.model.TestModels;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GeneratorTest {
  private static LanguageModel model;

  @BeforeAll
  static void open(@TempDir Path folder) {
    Tokenizer tokenizer = ByteTokenizer.in(folder, ByteTokenizer.TEMPLATE);
    model =
        new LanguageModel(
            TestModels.model(
                TestModels.small()
                    .withVocabSize(ByteTokenizer.SIZE)
                    .with(e -> e.maxPositionEmbeddings = 200),
                4),
            tokenizer);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @Test
  void goesOnWithThePrompt() {
    Generation made = model.generate("The sea", 20);
    assertThat(made.toString()).startsWith("The sea").endsWith(made.text());
    assertThat(made.promptTokens()).isEqualTo(8); // BOS and seven bytes
    assertThat(made.tokenIds()).hasSizeLessThanOrEqualTo(20);
    assertThat(made.toHtml()).contains("<b>The sea</b>");
    assertThat(model.generate("<|bos|>The sea", 20).tokenIds()).isEqualTo(made.tokenIds());
    assertThat(model.generate("The sea", GenerationConfig.DEFAULT).text()).isEqualTo(made.text());
  }

  @Test
  void opensPromptsAsTheTokenizerSays(@TempDir Path folder) throws IOException {
    Tokenizer bytes = ByteTokenizer.in(folder, ByteTokenizer.TEMPLATE);
    assertThat(bytes.openingId()).as("none says otherwise").hasValue(0);
    Path config = folder.resolve("tokenizer_config.json");
    String said = Files.readString(config);
    Files.writeString(config, said.replaceFirst("[{]", "{\"add_bos_token\": false,"));
    LanguageModel without = new LanguageModel(model.model(), Tokenizer.load(folder));
    assertThat(without.encode("ab")).containsExactly('a' + 4, 'b' + 4);
    assertThat(without.generate("ab", 3).promptTokens()).isEqualTo(2);

    Files.writeString(config, "{\"eos_token\": \"<|eos|>\", \"pad_token\": \"<|pad|>\"}");
    assertThat(Tokenizer.load(folder).openingId()).as("no BOS is named").isEmpty();
    Path tokenizer = folder.resolve("tokenizer.json");
    String plain = Files.readString(tokenizer);
    String byteLevel =
        "{'type':'ByteLevel','add_prefix_space':true,'trim_offsets':false,'use_regex':true}";
    String turn = "{'SpecialToken':{'id':'<|turn|>','type_id':0}}";
    String single = turn + ",{'Sequence':{'id':'A','type_id':0}}";
    String template =
        "{'type':'TemplateProcessing','single':["
            + single
            + "],'pair':["
            + single
            + ",{'Sequence':{'id':'B','type_id':1}}],'special_tokens':{'<|turn|>':"
            + "{'id':'<|turn|>','ids':[3],'tokens':['<|turn|>']}}}";
    String sequence = "{'type':'Sequence','processors':[" + byteLevel + "," + template + "]}";
    Files.writeString(tokenizer, withPostProcessor(plain, sequence));
    assertThat(Tokenizer.load(folder).openingId()).hasValue(3);
    Files.writeString(config, said);
    Files.writeString(tokenizer, withPostProcessor(plain, byteLevel));
    assertThat(Tokenizer.load(folder).openingId()).as("it adds none").isEmpty();
  }

  private static String withPostProcessor(String tokenizer, String processor) {
    return "{\"post_processor\":" + processor.replace('\'', '"') + "," + tokenizer.substring(1);
  }

  @Test
  void pieceByPieceIsTheWholeAndSplitsNoCharacter() {
    for (int seed = 0; seed < 10; seed++) {
      List<String> pieces = new ArrayList<>();
      Generation made =
          model
              .generator()
              .maxNewTokens(40)
              .temperature(2)
              .topK(0)
              .seed(seed)
              .onText(pieces::add)
              .run("é");
      assertThat(String.join("", pieces)).isEqualTo(made.text());
      byte[] bytes = new byte[made.tokenIds().size()];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = byteOf(made.tokenIds().get(i));
      }
      if (made.tokenIds().stream().allMatch(id -> id > 3)) {
        assertThat(made.text()).isEqualTo(new String(bytes, StandardCharsets.UTF_8));
      }
    }
  }

  private static byte byteOf(int id) {
    return (byte) (id - 4);
  }

  @Test
  void stopsBeforeAStopStringAndTellsNothingOfIt() {
    Generation free = model.generator().maxNewTokens(40).temperature(1.5).seed(3).run("sea");
    String stop = free.text().substring(5, 8);
    String before = free.text().substring(0, free.text().indexOf(stop));
    List<String> pieces = new ArrayList<>();
    Generation made =
        model
            .generator()
            .maxNewTokens(40)
            .temperature(1.5)
            .seed(3)
            .stopAt("never", stop)
            .onText(pieces::add)
            .run("sea");
    assertThat(made.text()).isEqualTo(before);
    assertThat(made.finishReason()).isEqualTo(FinishReason.STOP_STRING);
    assertThat(String.join("", pieces)).isEqualTo(before);
    assertThat(made.tokenIds()).hasSizeLessThan(free.tokenIds().size());
  }

  @Test
  void aSpecialTokenCanBeAStop() {
    Generator generator = model.generator().maxNewTokens(150).temperature(5).topK(0);
    int seed = 0;
    while (!generator.seed(seed).run("sea").tokenIds().contains(3)) {
      seed++; // a text with <|turn|> within
    }
    List<Integer> free = generator.run("sea").tokenIds();
    List<Integer> stopped = generator.stopAt("<|turn|>").run("sea").tokenIds();
    assertThat(stopped).isEqualTo(free.subList(0, free.indexOf(3) + 1));
  }

  @Test
  void aBatchIsWhatEachIsAlone() {
    GenerationConfig config = model.generationConfig().withMaxNewTokens(15);
    List<String> prompts = List.of("The sea", "a", "Why is it blue?");
    List<Generation> made = model.generate(prompts, config);
    assertThat(made.stream().map(Generation::tokenIds).collect(Collectors.toList()))
        .isEqualTo(
            prompts.stream()
                .map(p -> model.generate(p, config).tokenIds())
                .collect(Collectors.toList()));
  }

  @Test
  void aHandleEndsTheWriting() {
    Cancellation stop = new Cancellation();
    List<String> pieces = new ArrayList<>();
    Generation made =
        model
            .generator()
            .maxNewTokens(100)
            .temperature(1.5)
            .seed(3)
            .cancelledBy(stop)
            .onText(
                piece -> {
                  pieces.add(piece);
                  stop.cancel();
                })
            .run("sea");
    assertThat(made.finishReason()).isEqualTo(FinishReason.CANCELLED);
    assertThat(made.tokenIds()).hasSizeLessThan(30);
    assertThat(made.text()).startsWith(pieces.get(0));
  }

  @Test
  void anInterruptEndsTheWritingAndStaysSet() {
    Thread.currentThread().interrupt();
    Generation made = model.generator().maxNewTokens(100).run("sea");
    assertThat(Thread.interrupted()).isTrue();
    assertThat(made.finishReason()).isEqualTo(FinishReason.CANCELLED);
    assertThat(made.text()).isEmpty();
  }

  @Test
  void promptsThatCannotBeAreRefused() {
    assertThatThrownBy(() -> model.generate("", 5))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("the prompt is empty");
    assertThatThrownBy(() -> model.generate("sea", 500))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("passes the model's 200 positions; use at most 196");
    assertThatThrownBy(() -> model.generate("x".repeat(300), 5))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("has 301 tokens and the model knows 200 positions");
    assertThatThrownBy(() -> model.generator().onText(p -> {}).run(List.of("a", "b")))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("onText follows one text");
    assertThatThrownBy(() -> model.generator().stopAt("")).isInstanceOf(DogeException.class);
  }

  @Test
  void anotherModelsTokenizerIsRefused() {
    assertThatThrownBy(
            () -> {
              try (var small = TestModels.model(TestModels.small(), 4)) {
                new LanguageModel(small, model.tokenizer()).close();
              }
            })
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("the tokenizer has 260 ids, the model's vocabulary 40");
  }
}
