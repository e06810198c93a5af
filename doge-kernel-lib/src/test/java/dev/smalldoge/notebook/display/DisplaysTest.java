package dev.smalldoge.notebook.display;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.knowm.xchart.QuickChart;
import tech.tablesaw.api.DoubleColumn;
import tech.tablesaw.api.StringColumn;
import tech.tablesaw.api.Table;

class DisplaysTest {
  record Point(int x, String label) {}

  /** A value that brings its own HTML. */
  public static final class Own {
    /** HTML of this value. */
    public String toHtml() {
      return "<b>own</b>";
    }

    @Override
    public String toString() {
      return "own";
    }
  }

  /** A value whose HTML cannot be made. */
  public static final class Broken {
    /** Fails. */
    public String toHtml() {
      return List.<String>of().get(0);
    }
  }

  private static String html(Object value) {
    return Displays.render(value).data().get(Rendering.HTML);
  }

  @Test
  void nullIsAWordAndTextStaysText() {
    assertThat(Displays.render(null).data()).containsExactly(Map.entry("text/plain", "null"));
    assertThat(Displays.render("a <b>").data()).containsExactly(Map.entry("text/plain", "a <b>"));
    assertThat(Displays.render(new int[][] {{1, 2}, {3}}).text()).isEqualTo("[[1, 2], [3]]");
  }

  @Test
  void recordsShowNamesAndEscapedValues() {
    assertThat(html(new Point(3, "<i>"))).contains("<td", "label", "&lt;i&gt;");
    assertThat(Displays.render(new Point(3, "a")).text()).isEqualTo("Point[x=3, label=a]");
  }

  @Test
  void recordsOfOneTypeMakeOneTable() {
    String html = html(List.of(new Point(1, "a"), new Point(2, "b")));
    assertThat(html.split("<tr>", -1)).hasSize(1 + 3);
    assertThat(html(List.of(1, 2))).isNull();
  }

  @Test
  void longListsAndMapsAreCutAndSayTheirSize() {
    List<Point> points = IntStream.range(0, 1_234).mapToObj(i -> new Point(i, "p")).toList();
    assertThat(html(points)).contains("the first 50 of 1,234").doesNotContain(">50<");
    assertThat(html(Map.of("key", 1))).contains("key", "1");
    assertThat(html(Map.of())).isNull();
  }

  @Test
  void whatNoBrowserBearsIsCutAndSaysItsSize() {
    List<Integer> numbers = IntStream.range(0, 1_000_000).boxed().toList();
    assertThat(Displays.render(numbers).text()).endsWith("48, 49, … 1,000,000 in all]");
    assertThat(Displays.render(numbers.subList(0, 1_000)).text()).endsWith("998, 999]");
    assertThat(Displays.render(new int[51]).text()).endsWith("0, … 51 in all]");
    Map<Integer, Integer> map = new TreeMap<>();
    numbers.subList(0, 1_001).forEach(i -> map.put(i, -i));
    assertThat(Displays.render(map).text()).startsWith("{0=0, 1=-1").endsWith("… 1,001 in all}");
    assertThat(Displays.render("x".repeat(1_000_000)).text())
        .hasSizeLessThan(11_000)
        .endsWith("x… the first 10,000 of 1,000,000 characters");
    assertThat(Displays.render("x".repeat(100_000)).text()).hasSize(100_000);
  }

  @Test
  void aStreamSaysHowItIsRunAndIsNotRun() {
    Stream<Integer> stream = Stream.of(1, 2);
    assertThat(Displays.render(stream).text()).contains("has not run yet", "toList()");
    assertThat(stream.toList()).containsExactly(1, 2);
    assertThat(Displays.render(IntStream.range(0, 3)).text()).contains("toArray()");
  }

  @Test
  void tablesShowTheirFirstRowsAndMissingCells() {
    Table table =
        Table.create(
            "losses",
            DoubleColumn.create("loss", IntStream.range(0, 100).asDoubleStream().toArray()),
            StringColumn.create("note", 100));
    assertThat(html(table)).contains("losses: 100 rows × 2 columns, the first 20", "loss", "note");
    assertThat(html(table)).doesNotContain("99");
    assertThat(Displays.render(table).text()).startsWith("losses: 100 rows × 2 columns");
    Table one = Table.create("t", DoubleColumn.create("x", 1));
    assertThat(html(one)).contains("t: 1 row × 1 column<");
  }

  @Test
  void imagesAndChartsArePng() throws Exception {
    String png = Displays.render(new BufferedImage(7, 5, 1)).data().get(Rendering.PNG);
    BufferedImage back = ImageIO.read(new ByteArrayInputStream(Base64.getDecoder().decode(png)));
    assertThat(back.getWidth()).isEqualTo(7);
    assertThat(back.getHeight()).isEqualTo(5);
    double[] xs = {0, 1};
    assertThat(Displays.render(QuickChart.getChart("c", "x", "y", "s", xs, xs)).data())
        .containsKeys("image/png", "text/plain");
  }

  @Test
  void valuesMayBringTheirHtml() {
    assertThat(html(new Own())).isEqualTo("<b>own</b>");
    assertThat(html(List.of(new Own(), new Own()))).isEqualTo("<b>own</b>\n<b>own</b>");
    assertThatThrownBy(() -> Displays.render(new Broken()))
        .hasRootCauseInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void theLatestRegistrationWins() {
    interface Shown {}
    Displays.register(Shown.class, value -> Rendering.text("first"));
    Displays.register(Shown.class, value -> Rendering.text("second"));
    assertThat(Displays.render(new Shown() {}).text()).isEqualTo("second");
  }
}
