package dev.smalldoge.notebook.display;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.PretrainRecipe;
import dev.smalldoge.data.Corpus;
import dev.smalldoge.notebook.Doge;
import dev.smalldoge.notebook.Scale;
import dev.smalldoge.tokenizer.Tokenizer;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LibraryViewsTest {
  private static String html(Object value) {
    return Displays.render(value).data().get(Rendering.HTML);
  }

  @Test
  void corpusShowsItsFirstRows() {
    Corpus corpus = Corpus.of("state-of-the-union").under("datasets");
    assertThat(html(corpus))
        .contains("the first 3 rows", ">id<", ">text<", "1900_william_mc_kinley")
        .hasSizeLessThan(3_000);
    assertThat(Displays.render(corpus).text()).isEqualTo(corpus.toString());
  }

  @Test
  void tokensShowTheirSources(@TempDir Path folder) {
    var tokens =
        Corpus.of("metamath")
            .under("datasets")
            .first(50)
            .tokenize(
                Tokenizer.load("datasets/shipped/tokenizer"),
                folder.resolve("m.tokens.safetensors"));
    assertThat(html(tokens))
        .contains("50 documents", "bytes per token", ">metamath<", "100.0 %")
        .contains("text-align:right\">50<");
  }

  @Test
  void messagesOfACorpusReadAsTheyWereSaid() {
    assertThat(html(Corpus.of("python-explanations").under("datasets")))
        .contains(">user: What does ", ">assistant: ")
        .doesNotContain("role=");
  }

  @Test
  void recipesShowModelAndTrainingSideBySide() {
    PretrainRecipe recipe =
        Scale.TINY.pretrain("max_steps=7", "schedule.warmup_steps=1", "schedule.decay_steps=1");
    assertThat(html(recipe).split("<table>", -1)).hasSize(3);
    assertThat(html(recipe)).contains(">hidden_size<", ">128<", ">max_steps<", ">7<");
    assertThat(html(Scale.TINY.sft()).split("<table>", -1)).hasSize(2);
  }

  @Test
  void bothTablesOfTheWalkthroughAreThere() {
    assertThat(Doge.models().toHtml()).contains(">Doge-20M<", ">13,118,728<");
    assertThat(Doge.training().toHtml()).contains(">Doge-20M<", "800 / 6,400 / 800");
    assertThat(Doge.models().toString()).startsWith("| model |");
  }

  @ParameterizedTest
  @EnumSource
  void everyScaleHasItsRecipesAndTheyFollowEachOther(Scale scale) {
    assertThat(scale.sft().startFrom()).isEqualTo(scale.pretrain().outputFolder());
    assertThat(scale.dpo().startFrom()).isEqualTo(scale.sft().outputFolder());
    assertThat(scale.toString()).startsWith(scale.name() + ": ");
  }

  @Test
  void theDoctorShowsItself() {
    assertThat(html(Doge.doctor())).contains("libtorch", "<table>");
    assertThat(Doge.version()).startsWith("doge ").contains("Java " + Runtime.version());
  }
}
