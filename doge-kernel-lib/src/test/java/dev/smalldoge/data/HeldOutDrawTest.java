package dev.smalldoge.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.config.DogeException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HeldOutDrawTest {
  @TempDir Path folder;

  /** A source of so many documents of about so many tokens, used so often. */
  private record Kind(String name, int documents, int tokens, int times) {}

  private Tokens write(Kind... kinds) {
    Random random = new Random(7);
    Path file = folder.resolve("mixture.tokens.safetensors");
    try (var writer = new TokenFileWriter(file, TestTokenizers.bytes(), false)) {
      for (Kind kind : kinds) {
        writer.source(kind.name());
        for (int i = 0; i < kind.documents(); i++) {
          int length = Math.max(1, kind.tokens() / 2 + random.nextInt(kind.tokens() + 1));
          writer.append(new int[length], null, length);
        }
        if (kind.times() > 1) {
          writer.repeat((long) kind.times() * kind.documents());
        }
      }
      return Tokens.of(writer.finish());
    }
  }

  private static List<Long> documents(Tokens tokens) {
    List<Long> documents = new ArrayList<>();
    for (long i = 0; i < tokens.documents(); i++) {
      documents.add(tokens.selection().document(i));
    }
    return documents;
  }

  /** Part of the tokens that are of the first source. */
  private static double firstPart(Tokens tokens) {
    long end = tokens.file().sources().get(0).documents();
    return (double) tokens.selection().within(0, end).tokens() / tokens.tokens();
  }

  @Test
  void tokensHaveThePartsOfThoseTrainedOn() {
    Tokens all = write(new Kind("long", 120, 3_000, 1), new Kind("short", 6_000, 20, 1));
    double trained = firstPart(all);
    assertThat(trained).isCloseTo(0.75, within(0.02));
    for (int count : new int[] {100, 300, 1_000}) {
      Tokens heldOut = all.split(count).heldOut();
      assertThat(heldOut.documents()).isEqualTo(count);
      // one long document more or less of about count / 50 of them
      assertThat(firstPart(heldOut)).isCloseTo(trained, within(0.75 * 25 / count));
    }
  }

  @Test
  void aFewDocumentsHaveOneOfTheLongSource() {
    Tokens all = write(new Kind("short", 6_000, 20, 1), new Kind("long", 120, 3_000, 1));
    List<Long> heldOut = documents(all.split(20).heldOut());
    assertThat(heldOut).filteredOn(document -> document >= 6_000).hasSize(1);
  }

  @Test
  void aRepeatedSourceCountsAsOftenAsItIsTrainedOn() {
    Tokens all = write(new Kind("repeated", 200, 50, 9), new Kind("once", 5_000, 50, 1));
    double trained = firstPart(all);
    assertThat(trained).isCloseTo(9.0 * 200 / (9 * 200 + 5_000), within(0.02));
    Tokens.Split split = all.split(200);
    assertThat(firstPart(split.heldOut())).isCloseTo(trained, within(0.01));
    assertThat(firstPart(split.training())).isCloseTo(trained, within(0.08));
    List<Long> heldOut = documents(split.heldOut());
    assertThat(heldOut).doesNotHaveDuplicates();
    assertThat(documents(split.training())).doesNotContainAnyElementsOf(heldOut);
    assertThat(split.heldOut().toString()).contains("200 documents", "repeated", "once");
  }

  @Test
  void moreHeldOutDocumentsHoldTheFewerAndASeedHasItsOwn() {
    Tokens all = write(new Kind("long", 60, 400, 1), new Kind("short", 900, 20, 1));
    List<Long> some = documents(all.split(40).heldOut());
    assertThat(documents(all.split(40).heldOut())).isEqualTo(some);
    assertThat(documents(all.split(80).heldOut())).containsAll(some);
    assertThat(documents(all.split(40, 5).heldOut())).isNotEqualTo(some);
  }

  @Test
  void oneSourceAloneGivesTheFirstOfItsOrder() {
    Tokens all = write(new Kind("some", 70, 30, 3));
    SeededOrder order = new SeededOrder(70, Tokens.SEED);
    assertThat(documents(all.split(9).heldOut()))
        .containsExactlyElementsOf(LongStream.range(0, 9).map(order::at).sorted().boxed().toList());
    assertThat(all.split(69).heldOut().documents()).isEqualTo(69);
  }

  @Test
  void aSplitOfASplitKeepsTheParts() {
    Tokens all = write(new Kind("long", 120, 300, 1), new Kind("short", 3_000, 10, 1));
    Tokens.Split once = all.split(200);
    Tokens.Split twice = once.training().split(200);
    assertThat(firstPart(twice.heldOut())).isCloseTo(firstPart(all), within(0.06));
    assertThat(documents(twice.heldOut())).doesNotContainAnyElementsOf(documents(once.heldOut()));
  }

  @Test
  void aSourceOfOneDocumentIsOnlyTrainedOn() {
    Tokens all = write(new Kind("book", 1, 9_000, 1), new Kind("short", 900, 10, 1));
    assertThat(documents(all.split(30).heldOut())).hasSize(30).doesNotContain(0L);
  }

  @Test
  void moreThanHalfOfASourceIsRefusedWithANumberThatWorks() {
    Tokens all = write(new Kind("few", 10, 20, 900), new Kind("many", 5_000, 20, 1));
    assertThatThrownBy(() -> all.split(40))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("40 held-out documents")
        .hasMessageContaining("more than half of the 10 of few; hold out at most 7");
    assertThat(all.split(7).heldOut().documents()).isEqualTo(7);
    assertThatThrownBy(() -> all.split(8)).hasMessageContaining("hold out at most 7");
    assertThatThrownBy(() -> write(new Kind("a", 1, 9, 1), new Kind("b", 1, 9, 1)).split(1))
        .hasMessageContaining("have more than one");
  }
}
