package dev.smalldoge;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.syntax.ArchRuleDefinition;
import com.tngtech.archunit.library.Architectures;
import java.nio.file.Files;
import java.nio.file.Path;

/** Rooms import downwards only: a row may use the rows under it, and its own. */
@AnalyzeClasses(packages = "dev.smalldoge", importOptions = ImportOption.DoNotIncludeTests.class)
class RoomsTest {
  private static final String[][] ROWS = {
    {"notebook", "cli", "bench"},
    {"pretrain", "sft", "dpo"},
    {"generate", "eval", "serve"},
    {"train"},
    {"optim", "model"},
    {"torch"},
    {"data", "tokenizer"},
    {"config", "io"},
  };

  @ArchTest static final ArchRule noUpwardImport = layers();

  @ArchTest
  static final ArchRule roomOnADiskIsAskedWhereAChrootAnswers =
      ArchRuleDefinition.noClasses()
          .should()
          .callMethod(Files.class, "getFileStore", Path.class)
          .because("it fails in a chroot: see DiskSpace");

  private static ArchRule layers() {
    var layers = Architectures.layeredArchitecture().consideringOnlyDependenciesInLayers();
    for (int row = 0; row < ROWS.length; row++) {
      layers = layers.optionalLayer("row " + row).definedBy(packagesOf(row));
    }
    layers = layers.whereLayer("row 0").mayNotBeAccessedByAnyLayer();
    for (int row = 1; row < ROWS.length; row++) {
      String[] above = new String[row];
      for (int i = 0; i < row; i++) {
        above[i] = "row " + i;
      }
      layers = layers.whereLayer("row " + row).mayOnlyBeAccessedByLayers(above);
    }
    return layers;
  }

  private static String[] packagesOf(int row) {
    String[] packages = new String[ROWS[row].length];
    for (int i = 0; i < packages.length; i++) {
      packages[i] = "dev.smalldoge." + ROWS[row][i] + "..";
    }
    return packages;
  }
}
