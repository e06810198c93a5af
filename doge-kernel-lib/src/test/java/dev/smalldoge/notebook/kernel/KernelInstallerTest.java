package dev.smalldoge.notebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.notebook.kernel.KernelInstaller.Options;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelInstallerTest {
  @TempDir private Path folder;

  @Test
  void dataFolderFollowsJupytersRules() {
    assertThat(KernelInstaller.dataFolder(Map.of("JUPYTER_DATA_DIR", "/d"), "Linux", "/h"))
        .isEqualTo(Path.of("/d"));
    assertThat(KernelInstaller.dataFolder(Map.of("XDG_DATA_HOME", "/x"), "Linux", "/h"))
        .isEqualTo(Path.of("/x/jupyter"));
    assertThat(KernelInstaller.dataFolder(Map.of(), "Linux", "/h"))
        .isEqualTo(Path.of("/h/.local/share/jupyter"));
    assertThat(KernelInstaller.dataFolder(Map.of("HOME", "/other"), "Linux", "/h"))
        .isEqualTo(Path.of("/other/.local/share/jupyter"));
    assertThat(KernelInstaller.dataFolder(Map.of(), "Mac OS X", "/h"))
        .isEqualTo(Path.of("/h/Library/Jupyter"));
    assertThat(KernelInstaller.dataFolder(Map.of("APPDATA", "/a"), "Windows 11", "/h"))
        .isEqualTo(Path.of("/a/jupyter"));
  }

  @Test
  void kernelJsonNamesTheJdkTheJarsAndTheInterruptMode() throws Exception {
    Options options =
        Options.defaults()
            .withName("mine", "Mine")
            .withDataFolder(folder)
            .withHeap("2g")
            .withVariable("DOGE_HOME", "/project")
            .withClassPath(List.of("/somewhere/doge-kernel-lib.jar", "/somewhere/lib/*"))
            .withArchive(false);
    Path kernel = KernelInstaller.install(options);
    assertThat(kernel).isEqualTo(folder.resolve("kernels").resolve("mine").toAbsolutePath());
    JsonObject spec =
        JsonParser.parseString(Files.readString(kernel.resolve("kernel.json"))).getAsJsonObject();
    assertThat(spec.get("interrupt_mode").getAsString()).isEqualTo("message");
    assertThat(spec.getAsJsonObject("env").get("DOGE_HOME").getAsString()).isEqualTo("/project");
    assertThat(spec.get("language").getAsString()).isEqualTo("java");
    assertThat(spec.get("argv").toString())
        .contains("bin/java", "-Xmx2g", "/somewhere/lib/*", "kernel.Main", "{connection_file}");
    try (var files = Files.list(kernel)) {
      assertThat(files.map(file -> file.getFileName().toString())).containsExactly("kernel.json");
    }
  }

  @Test
  void mistakesAreToldInOneSentence() throws Exception {
    assertThatThrownBy(() -> Options.defaults().withName("My Kernel", ""))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("try \"doge-java\"");
    assertThatThrownBy(() -> KernelInstaller.install(Options.defaults().withJdk(folder)))
        .hasMessageContaining("is not the home of a JDK");
    Path file = Files.writeString(folder.resolve("file"), "");
    Options onAFile = Options.defaults().withDataFolder(file).withArchive(false);
    assertThatThrownBy(() -> KernelInstaller.install(onAFile))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("set JUPYTER_DATA_DIR");
  }

  @Test
  void settingsReadIjavasVariables() throws Exception {
    Path jars = Files.createDirectories(folder.resolve("jars"));
    Files.writeString(jars.resolve("b.jar"), "");
    Files.writeString(jars.resolve("a.jar"), "");
    Files.writeString(jars.resolve("c.txt"), "");
    Path script = Files.writeString(folder.resolve("start.jshell"), "int x = 1;");
    Settings settings =
        Settings.of(
            Map.of(
                "IJAVA_CLASSPATH", jars + "/*.jar",
                "IJAVA_COMPILER_OPTS", "-parameters -Xlint:all",
                "IJAVA_STARTUP_SCRIPTS_PATH", script.toString(),
                "IJAVA_STARTUP_SCRIPT", "int y = 2;",
                "IJAVA_TIMEOUT", "30 seconds"));
    assertThat(settings.classPath()).containsExactly(jars.resolve("a.jar"), jars.resolve("b.jar"));
    assertThat(settings.compilerOptions()).contains("-parameters", "-Xlint:all");
    assertThat(settings.startupScripts())
        .extracting(Settings.Script::source)
        .containsExactly("int x = 1;", "int y = 2;");
    assertThat(settings.timeout()).isEqualTo(Duration.ofSeconds(30));
    assertThat(Settings.of(Map.of("IJAVA_TIMEOUT", "1500")).timeout()).hasMillis(1_500);
    assertThat(Settings.of(Map.of()).timeout()).isZero();
    assertThatThrownBy(() -> Settings.of(Map.of("IJAVA_TIMEOUT", "soon")))
        .hasMessageContaining("write \"30 SECONDS\"");
  }

  @Test
  void crashReportsAreSummarised() {
    List<String> report =
        List.of(
            "#",
            "# A fatal error has been detected by the Java Runtime Environment:",
            "#",
            "#  SIGSEGV (0xb) at pc=0x00007f, pid=12, tid=13",
            "#",
            "# Problematic frame:",
            "# C  [libtorch_cpu.so+0x123]  at::native::x",
            "#");
    assertThat(PreviousKernel.summary(report))
        .isEqualTo(
            "SIGSEGV (0xb) at pc=0x00007f, pid=12, tid=13"
                + " in C  [libtorch_cpu.so+0x123]  at::native::x");
  }

  @Test
  void signaturesOfBothJdksComeApart() {
    String newer = "ModelConfig ModelConfig(int a, x.Y b).withVocabSize(int vocabSize)";
    assertThat(Signature.clean(newer))
        .isEqualTo("ModelConfig ModelConfig.withVocabSize(int vocabSize)");
    assertThat(Signature.parse(Signature.clean(newer)))
        .isEqualTo(new Signature("ModelConfig", "withVocabSize", List.of("int")));
    assertThat(Signature.parse("java.util.List<E> java.util.List<E>.<E>of(E e1)"))
        .isEqualTo(new Signature("java.util.List", "of", List.of("E")));
    assertThat(Signature.parse("dev.x.ModelConfig(int a, List<String> b)"))
        .isEqualTo(new Signature("dev.x.ModelConfig", "ModelConfig", List.of("int", "List")));
    assertThat(Signature.parse("ModelConfig.Edit.hiddenSize:int"))
        .isEqualTo(new Signature("ModelConfig.Edit", "hiddenSize", null));
    assertThat(Signature.parse("java.lang.String"))
        .isEqualTo(new Signature("java.lang.String", null, null));
  }
}
