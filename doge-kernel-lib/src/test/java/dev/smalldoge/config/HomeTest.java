package dev.smalldoge.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HomeTest {
  @TempDir private Path folder;

  @Test
  void theNearestFolderWithRecipesComesFirstThenTheVariableThenHere() throws Exception {
    Path project = Files.createDirectories(folder.resolve("project"));
    Path notebooks = Files.createDirectories(project.resolve("notebooks"));
    Files.createDirectories(project.resolve("recipes/tiny"));
    Files.createFile(project.resolve("recipes/tiny/pretrain.yaml"));
    assertThat(Home.folder(notebooks, folder.toString())).isEqualTo(project);
    assertThat(Home.folder(project, null)).isEqualTo(project);
    assertThat(Home.folder(folder, project.toString())).isEqualTo(project);
    assertThat(Home.folder(folder, " ")).isEqualTo(folder);
  }

  @Test
  void pathsAreFoundFromBelowTheHome() {
    // the tests run in doge-kernel-lib/, one folder below the recipes
    assertThat(Home.path("recipes/tiny/pretrain.yaml"))
        .isEqualTo(Path.of("../recipes/tiny/pretrain.yaml"))
        .exists();
    assertThat(Home.path("pom.xml")).isEqualTo(Path.of("pom.xml"));
    assertThat(Home.path(folder.toString())).isEqualTo(folder);
    assertThat(Home.path("runs/none-such")).isEqualTo(Path.of("../runs/none-such"));
  }
}
