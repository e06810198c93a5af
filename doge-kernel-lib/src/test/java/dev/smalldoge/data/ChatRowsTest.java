package dev.smalldoge.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.Printed;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.tokenizer.Message;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ChatRowsTest {
  private static final Tokenizer TOKENIZER = TestTokenizers.bytes();
  @TempDir Path folder;

  private Corpus rows(String... rows) throws IOException {
    return Corpus.file(Files.writeString(folder.resolve("a.jsonl"), String.join("\n", rows)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'messages':[{'role':'user','content':'q'},{'content':'a','role':'assistant','x':1}]}",
        "{'conversations':[{'from':'human','value':'q'},{'from':'gpt','value':'a'}]}",
        "{'prompt':'q','completion':'a'}",
        "{'prompt':'q','text':'a'}",
      })
  void readsEverySpellingOfAConversation(String row) throws IOException {
    assertThat(rows(row.replace('\'', '"')).conversations())
        .containsExactly(new Conversation(List.of(Message.user("q"), Message.assistant("a"))));
  }

  @Test
  void aSystemColumnBecomesTheFirstMessage() throws IOException {
    String row =
        "{\"system\":\"s\",\"conversations\":[{\"from\":\"user\",\"value\":\"q\"},"
            + "{\"from\":\"assistant\",\"value\":\"<|begin_of_thought|>t<|end_of_thought|>a\"}]}";
    assertThat(rows(row).conversations())
        .containsExactly(
            new Conversation(
                List.of(
                    Message.system("s"),
                    Message.user("q"),
                    Message.assistant("<|begin_of_thought|>t<|end_of_thought|>a"))));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'prompt':'p','chosen':'c','rejected':'r'}",
        "{'prompt':[{'role':'user','content':'p'}],'chosen':'c',"
            + "'rejected':[{'role':'assistant','content':'r'}]}",
        "{'prompt':'p','chosen':[{'role':'user','content':'p'},{'role':'assistant','content':'c'}],"
            + "'rejected':[{'role':'user','content':'p'},{'role':'assistant','content':'r'}]}",
      })
  void readsEverySpellingOfAPreference(String row) throws IOException {
    assertThat(rows(row.replace('\'', '"')).preferences())
        .containsExactly(
            new PreferencePair(
                List.of(Message.user("p")), Message.assistant("c"), Message.assistant("r")));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'messages':[{'content':'q'}]} | message 0 of \"messages\" has no role",
        "{'messages':[{'role':' ','content':'q'}]} | message 0 of \"messages\" has no role",
        "{'messages':[{'role':'user','content':'q'},{'role':'assistant'}]}"
            + " | message 1 of \"messages\" has no content",
        "{'messages':[]} | column \"messages\" has no messages",
        "{'messages':'q'} | not a list of messages",
        "{'messages':['q']} | message 0 of \"messages\" is text, not an object",
        "{'text':'q'} | there is no \"messages\" among its columns [text]",
        "{'messages':[{'role':'user','content':'q'}]} | there is nothing to learn",
        "{'messages':[{'role':'user','content':'\\ud800'}]} | half a surrogate pair",
      })
  void badConversationsAreNamed(String row, String reason) throws IOException {
    Corpus corpus =
        rows("{\"prompt\":\"q\",\"completion\":\"a\"}", row.replace('\'', '"')).asConversations();
    assertThatThrownBy(() -> corpus.tokenize(TOKENIZER))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("a.jsonl row 1: ")
        .hasMessageContaining(reason);
    assertThat(corpus.skippingBadRows().tokenize(TOKENIZER).documents()).isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'prompt':'p','chosen':'c'} | there is no \"rejected\"",
        "{'prompt':'p','chosen':'c','rejected':null} | column \"rejected\" is null",
        "{'prompt':'p','chosen':'','rejected':'r'} | column \"chosen\" is empty",
        "{'chosen':'c','rejected':'r'} | there is no \"prompt\"",
        "{'chosen':[{'role':'user','content':'a'},{'role':'assistant','content':'c'}],"
            + "'rejected':[{'role':'user','content':'b'},{'role':'assistant','content':'r'}]}"
            + " | answer different prompts",
        "{'prompt':'p','chosen':[{'role':'user','content':'c'}],'rejected':'r'}"
            + " | \"chosen\" ends with a message of user",
      })
  void badPreferencesAreNamed(String row, String reason) throws IOException {
    Corpus corpus = rows(row.replace('\'', '"'));
    assertThatThrownBy(() -> corpus.preferences().iterator())
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("a.jsonl row 0: ")
        .hasMessageContaining(reason);
    assertThat(corpus.skippingBadRows().preferences()).isEmpty();
  }

  @Test
  void rowsLeftOutAreTold() throws IOException {
    Corpus corpus =
        rows(
            "{\"prompt\":\"p\",\"chosen\":\"c\"}",
            "{\"prompt\":\"p\",\"chosen\":\"c\",\"rejected\":\"r\"}");
    Printed printed =
        Printed.by(() -> assertThat(corpus.skippingBadRows().preferences()).hasSize(1));
    assertThat(printed.err())
        .contains("a: 1 bad rows left out:", "a.jsonl row 0: there is no \"rejected\"");
  }

  @Test
  void onlyTheAssistantsTurnsAreLearned() throws IOException {
    TokenFile file =
        rows("{\"prompt\":\"q\",\"completion\":\"a\"}")
            .asConversations()
            .tokenize(TOKENIZER)
            .file();
    int[] ids = file.document(0);
    boolean[] trained = file.trained(0);
    StringBuilder learned = new StringBuilder();
    for (int i = 0; i < ids.length; i++) {
      learned.append(trained[i] ? TOKENIZER.decode(ids[i]) : "");
    }
    assertThat(TOKENIZER.decode(ids)).isEqualTo("<bos>[user]q<eos>[assistant]a<eos>");
    assertThat(learned.toString()).isEqualTo("a<eos>");
    assertThat(file.textBytes()).isEqualTo(2);
  }

  @Test
  void textAndConversationsMix() throws IOException {
    Corpus chat = rows("{\"prompt\":\"q\",\"completion\":\"a\"}").asConversations();
    Corpus text = Corpus.file(Files.writeString(folder.resolve("t.jsonl"), "{\"text\":\"sea\"}"));
    TokenFile file = Mixture.of(chat, 0.5).and(text, 0.5).tokenize(TOKENIZER).file();
    assertThat(file.masked()).isTrue();
    assertThat(file.trained(1)).containsOnly(true);
  }

  @Test
  void mixturesOfPreferencesRepeatAndTruncate() throws IOException {
    String row = "{\"prompt\":\"p\",\"chosen\":\"%s\",\"rejected\":\"r\"}";
    Corpus a = rows(row.formatted("a"), row.formatted("b"), row.formatted("c"));
    Path file = Files.writeString(folder.resolve("b.jsonl"), row.formatted("x"));
    List<String> chosen = new ArrayList<>();
    Mixture.of(a, 0.5)
        .and(Corpus.file(file), 0.5)
        .withDocuments(4)
        .preferences()
        .forEach(pair -> chosen.add(pair.chosen().content()));
    assertThat(chosen).containsExactly("a", "b", "x", "x");
  }

  @Test
  void shippedConversationsAndPreferencesAreWhole() {
    Path datasets = Path.of("..", "datasets");
    assertThat(Corpus.of("python-faq").under(datasets).conversations()).hasSize(175);
    assertThat(Corpus.of("python-docstrings").under(datasets).conversations()).hasSize(1_049);
    assertThat(Corpus.of("python-explanations").under(datasets).preferences()).hasSize(1_050);
  }
}
