package dev.smalldoge.torch;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.StringArray;
import dev.smalldoge.config.DogeException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The CUDA C++ text of this library, compiled by NVRTC for one device and one set of constants, and
 * kept on disk, so that only the first run ever waits for the compiler.
 */
final class CudaProgram {
  private static final String NAME = "doge.cu";
  private static boolean bound;

  private final long module;
  private final Map<String, Long> functions = new ConcurrentHashMap<>();

  private static final class Nvrtc {
    static native int nvrtcVersion(Pointer major, Pointer minor);

    static native int nvrtcCreateProgram(
        Pointer program, String source, String name, int headers, Pointer texts, Pointer names);

    static native int nvrtcCompileProgram(long program, int count, Pointer options);

    static native int nvrtcGetProgramLogSize(long program, Pointer size);

    static native int nvrtcGetProgramLog(long program, Pointer log);

    static native int nvrtcGetCUBINSize(long program, Pointer size);

    static native int nvrtcGetCUBIN(long program, Pointer cubin);

    static native int nvrtcDestroyProgram(Pointer program);
  }

  /**
   * The program with {@code -Dname=value} for each constant, on the current context.
   *
   * @param architecture as in {@code sm_90}: 90
   * @param parts names of the texts it consists of, besides the common one
   */
  CudaProgram(int architecture, List<String> parts, Map<String, Integer> constants) {
    List<String> options =
        new java.util.ArrayList<>(List.of("--gpu-architecture=sm_" + architecture));
    constants.forEach((name, value) -> options.add("-D" + name + "=" + value));
    bind();
    StringBuilder source = new StringBuilder(text("common"));
    parts.forEach(part -> source.append(text(part)));
    module = Cuda.module(cubin(source.toString(), options));
  }

  private static synchronized void bind() {
    if (!bound) {
      Native.register(Nvrtc.class, CudaLibraries.loaded("libnvrtc.so"));
      bound = true;
    }
  }

  /** The kernel of this name. */
  long function(String name) {
    return functions.computeIfAbsent(name, n -> Cuda.function(module, n));
  }

  private static String text(String part) {
    try (InputStream in = CudaProgram.class.getResourceAsStream(part + ".cu")) {
      if (in == null) {
        throw new IllegalStateException("resource " + part + ".cu is missing from the jar");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] cubin(String source, List<String> options) {
    Path kept = kept(source, options);
    try {
      if (Files.isReadable(kept)) {
        return Files.readAllBytes(kept);
      }
      byte[] cubin = compile(source, options);
      keep(kept, cubin);
      return cubin;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path kept(String source, List<String> options) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(version().getBytes(StandardCharsets.UTF_8));
      digest.update(options.toString().getBytes(StandardCharsets.UTF_8));
      digest.update(source.getBytes(StandardCharsets.UTF_8));
      String name = HexFormat.of().formatHex(digest.digest(), 0, 12);
      return Path.of(System.getProperty("user.home"), ".cache", "doge-kernels", name + ".cubin");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has SHA-256
    }
  }

  /** Written aside and moved, so that no other process reads half a file. */
  private static void keep(Path path, byte[] cubin) throws IOException {
    if (!Files.isWritable(Path.of(System.getProperty("user.home")))) {
      return; // compiled again next time
    }
    Files.createDirectories(path.getParent());
    Path aside = Files.createTempFile(path.getParent(), "aside", ".cubin");
    Files.write(aside, cubin);
    Files.move(aside, path, StandardCopyOption.ATOMIC_MOVE);
  }

  private static String version() {
    Memory out = new Memory(8);
    Cuda.check("nvrtcVersion", Nvrtc.nvrtcVersion(out, out.share(4)));
    return out.getInt(0) + "." + out.getInt(4);
  }

  private static byte[] compile(String source, List<String> options) {
    Memory handle = new Memory(8);
    Cuda.check("nvrtcCreateProgram", Nvrtc.nvrtcCreateProgram(handle, source, NAME, 0, null, null));
    long program = handle.getLong(0);
    try {
      StringArray array = new StringArray(options.toArray(String[]::new));
      if (Nvrtc.nvrtcCompileProgram(program, options.size(), array) != 0) {
        throw new DogeException(
            "the CUDA kernels do not compile here; train without the fused kernels and report this:"
                + " "
                + log(program));
      }
      Memory size = new Memory(8);
      Cuda.check("nvrtcGetCUBINSize", Nvrtc.nvrtcGetCUBINSize(program, size));
      Memory cubin = new Memory(size.getLong(0));
      Cuda.check("nvrtcGetCUBIN", Nvrtc.nvrtcGetCUBIN(program, cubin));
      return cubin.getByteArray(0, (int) size.getLong(0));
    } finally {
      Nvrtc.nvrtcDestroyProgram(handle);
    }
  }

  private static String log(long program) {
    Memory size = new Memory(8);
    Cuda.check("nvrtcGetProgramLogSize", Nvrtc.nvrtcGetProgramLogSize(program, size));
    Memory log = new Memory(Math.max(1, size.getLong(0)));
    Cuda.check("nvrtcGetProgramLog", Nvrtc.nvrtcGetProgramLog(program, log));
    return log.getString(0);
  }
}
