package dev.smalldoge.notebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MagicSourceTest {
  private static final String CALL = "dev.smalldoge.notebook.kernel.KernelFunctions.lineMagic(";

  @Test
  void lineMagicsBecomeCallsOnTheSameLine() {
    assertThat(MagicSource.toJava("int a = 1;\n%jars \"a b.jar\" c\\d.jar\nfoo()"))
        .isEqualTo(
            "int a = 1;\n"
                + CALL
                + "\"jars\", java.util.List.of(\"a b.jar\", \"c\\\\d.jar\"));{}\nfoo()");
  }

  @Test
  void magicsAfterAnAssignmentKeepTheirValue() {
    assertThat(MagicSource.toJava("List<String> added = %jars a.jar"))
        .isEqualTo("List<String> added = " + CALL + "\"jars\", java.util.List.of(\"a.jar\"));");
  }

  @Test
  void timeTakesItsStatementWhole() {
    assertThat(MagicSource.toJava("%time f(\"x\", 2)"))
        .isEqualTo(CALL + "\"time\", java.util.List.of(\"f(\\\"x\\\", 2)\"));");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a % b",
        "a\n  %b",
        "a +\n %b",
        "f(a,\n%b)",
        "x %= y;",
        "String s = \"\\\"\n%maven x\";",
        "var t = \"\"\"\n%maven a:b:c\n\\\"\"\" %x\n\"\"\";",
        "// note\nreturnValue // %x\n/* \n%maven\n */",
        "char c = '%';",
        "100 %\n7"
      })
  void remaindersStringsAndCommentsStay(String source) {
    assertThat(MagicSource.toJava(source)).isEqualTo(source);
  }

  @Test
  void cellMagicsTakeTheRestOfTheCell() {
    MagicSource.CellMagic magic = MagicSource.cellMagic("%%loadFromPOM test runtime\n<a/>\n<b/>");
    assertThat(magic.name()).isEqualTo("loadFromPOM");
    assertThat(MagicSource.split(magic.arguments())).containsExactly("test", "runtime");
    assertThat(magic.body()).isEqualTo("<a/>\n<b/>");
    assertThat(MagicSource.cellMagic("int a;\n%%time")).isNull();
  }

  @Test
  void mavenFragmentsBecomeAPom() {
    String pom =
        MavenClassPath.pom(
            "<repository><id>r</id></repository> text <dependency><groupId>g</groupId></dependency>");
    assertThat(pom)
        .startsWith("<project>")
        .contains("<repositories><repository><id>r</id></repository></repositories>")
        .contains("<dependencies><dependency><groupId>g</groupId></dependency></dependencies>");
    assertThat(MavenClassPath.pom("<project>x</project>")).isEqualTo("<project>x</project>");
  }
}
