package dev.smalldoge.torch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes TorchScript text into the archive form that libtorch loads, in memory.
 *
 * <p>The archive is a zip with a pickled module without weights ({@code data.pkl}), an empty tuple
 * of constants, a format version, and the code as text. The text of every resource becomes methods
 * of one class, so that scripts call each other by {@code self.name(…)}.
 */
final class ScriptArchive {
  /** The resources whose functions make the module, beside the one that chooses keys. */
  static final List<String> SOURCES =
      List.of(
          "array",
          "norm",
          "attention",
          "mlp",
          "head",
          "generate",
          "decode",
          "optimizer",
          "finetuning",
          "fused");

  private static final String ROOT = "operations/";
  private static final String CLASS = "Operations";
  private static final String HEADER =
      "class "
          + CLASS
          + "(Module):\n  __parameters__ = []\n  __buffers__ = []\n"
          + "  training : bool\n";

  private ScriptArchive() {}

  /**
   * The archive of all resources.
   *
   * @param choicesOnHost whether libtorch chooses on the CPU which keys of equal biases stay
   */
  static byte[] ofResources(boolean choicesOnHost) {
    StringBuilder code = new StringBuilder(HEADER);
    SOURCES.forEach(source -> append(code, source));
    append(code, choicesOnHost ? "choice_on_host" : "choice");
    return archive(code.toString());
  }

  private static void append(StringBuilder code, String source) {
    resource(source + ".py").lines().forEach(l -> code.append("  ").append(l).append('\n'));
  }

  private static String resource(String name) {
    try (InputStream in = ScriptArchive.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("resource " + name + " is missing from the library's jar");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] archive(String code) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      write(zip, "data.pkl", emptyModule());
      write(zip, "code/__torch__.py", code.getBytes(StandardCharsets.UTF_8));
      write(zip, "constants.pkl", new byte[] {(byte) 0x80, 2, ')', '.'});
      write(zip, "version", "3\n".getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static void write(ZipOutputStream zip, String name, byte[] content) throws IOException {
    zip.putNextEntry(new ZipEntry(ROOT + name));
    zip.write(content);
    zip.closeEntry();
  }

  /** A pickle of an instance of the class whose only attribute is {@code training = False}. */
  private static byte[] emptyModule() {
    ByteArrayOutputStream pickle = new ByteArrayOutputStream();
    pickle.writeBytes(new byte[] {(byte) 0x80, 2}); // protocol 2
    pickle.writeBytes(("c__torch__\n" + CLASS + "\n").getBytes(StandardCharsets.UTF_8));
    pickle.writeBytes(new byte[] {')', (byte) 0x81}); // new object without arguments
    byte[] key = "training".getBytes(StandardCharsets.UTF_8);
    pickle.writeBytes(new byte[] {'}', '(', 'X', (byte) key.length, 0, 0, 0});
    pickle.writeBytes(key);
    pickle.writeBytes(new byte[] {(byte) 0x89, 'u', 'b', '.'}); // False, set item, build, stop
    return pickle.toByteArray();
  }
}
