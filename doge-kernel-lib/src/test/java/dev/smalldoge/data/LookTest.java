package dev.smalldoge.data;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategorySeries;
import tech.tablesaw.api.Table;

class LookTest {
  private static final Tokenizer TOKENIZER = TestTokenizers.bytes();
  @TempDir Path folder;

  private Corpus corpus(String... rows) throws IOException {
    return Corpus.file(Files.writeString(folder.resolve("a.jsonl"), String.join("\n", rows)));
  }

  @Test
  void firstRowsAreATable() throws IOException {
    Corpus corpus =
        corpus(
            "{\"id\":1,\"text\":\"sea\"}",
            "{\"text\":\"x\\n" + "x".repeat(300) + "\",\"n\":[1]}",
            "no");
    Table table = corpus.table(5);
    assertThat(table.columnNames()).containsExactly("id", "text", "n", "(bad row)");
    assertThat(table.rowCount()).isEqualTo(3);
    assertThat(table.getString(1, "text")).hasSize(201).startsWith("x⏎x").endsWith("…");
    assertThat(table.getString(2, "(bad row)")).isEqualTo("it is not one JSON object");
    assertThat(corpus.table(1).rowCount()).isEqualTo(1);
  }

  @Test
  void lengthsAreCounted() throws IOException {
    Tokens tokens =
        corpus("{\"text\":\"a\"}", "{\"text\":\"ab\"}", "{\"text\":\"" + "x".repeat(30) + "\"}")
            .tokenize(TOKENIZER); // 3, 4 and 32 tokens
    CategoryChart chart = tokens.lengths();
    CategorySeries series = chart.getSeriesMap().get("documents");
    assertThat(List.copyOf(series.getXData())).hasToString("[2, 4, 8, 16, 32]");
    assertThat(List.copyOf(series.getYData())).hasToString("[1, 1, 0, 0, 1]");
  }

  @Test
  void sharesAreOfWhatAnEpochUses() throws IOException {
    Corpus a = corpus("{\"text\":\"a\"}");
    Tokens tokens =
        Mixture.of(a, 0.8).and(a.withName("b"), 0.2).withDocuments(5).tokenize(TOKENIZER);
    assertThat(tokens.shares().getSeriesMap().get("a").getValue()).isEqualTo(12.0);
    assertThat(tokens.shares().getSeriesMap().get("b").getValue()).isEqualTo(3.0);
  }

  @Test
  void anExampleShowsWhatIsLearned() throws IOException {
    TokenView view =
        corpus("{\"prompt\":\"<\",\"completion\":\"a\\n\"}")
            .asConversations()
            .tokenize(TOKENIZER)
            .example(0, TOKENIZER);
    assertThat(view.toString()).startsWith("[<bos>]|[[]|[u]").endsWith("a|⏎\n|<eos>");
    assertThat(view.toHtml())
        .contains("background:#eeeeee\">&lt;bos&gt;</span>")
        .containsPattern("background:#(c8e6c9|a5d6a7)\">a</span>");
  }
}
