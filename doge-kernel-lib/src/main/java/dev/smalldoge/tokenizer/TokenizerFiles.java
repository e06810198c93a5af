package dev.smalldoge.tokenizer;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.io.JsonFiles;
import dev.smalldoge.io.WrittenAside;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;

/**
 * What a tokenizer's folder holds, kept as it was read so that it is saved unchanged.
 *
 * @param name the file, for errors
 * @param bytes tokenizer.json
 * @param tokenizer the same, parsed
 * @param config tokenizer_config.json; empty where there is none
 * @param specials special_tokens_map.json; empty where there is none
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record TokenizerFiles(
    String name, byte[] bytes, JsonObject tokenizer, JsonObject config, JsonObject specials) {
  private static final String FILE = "tokenizer.json";
  private static final String CONFIG = "tokenizer_config.json";
  private static final String SPECIALS = "special_tokens_map.json";

  /** Reads a folder with a tokenizer.json, or that file itself and what lies beside it. */
  static TokenizerFiles read(Path folderOrFile) {
    boolean folder = Files.isDirectory(folderOrFile);
    Path file = folder ? folderOrFile.resolve(FILE) : folderOrFile;
    check(
        Files.exists(file),
        folder
            ? "%s does not exist; give a folder with a tokenizer.json"
            : "%s does not exist; give a tokenizer.json or the folder that holds one",
        file);
    JsonObject tokenizer = JsonFiles.readObject(file);
    check(
        tokenizer.has("model") && tokenizer.get("model").isJsonObject(),
        "%s has no \"model\"; it is no tokenizer.json of Hugging Face tokenizers",
        file);
    try {
      return new TokenizerFiles(
          file.toString(),
          Files.readAllBytes(file),
          tokenizer,
          beside(file, CONFIG),
          beside(file, SPECIALS));
    } catch (IOException e) {
      throw new DogeException(file + " cannot be read: " + e + "; check the disk", e);
    }
  }

  private static JsonObject beside(Path file, String name) {
    Path other = file.resolveSibling(name);
    return Files.exists(other) ? JsonFiles.readObject(other) : new JsonObject();
  }

  /** Writes the three files; tokenizer.json byte for byte as it was read. */
  void write(Path folder) {
    try (WrittenAside aside = new WrittenAside()) {
      aside.write(folder.resolve(FILE), out -> out.write(bytes));
      aside.commit();
    }
    if (config.size() > 0) {
      JsonFiles.write(folder.resolve(CONFIG), config);
    }
    if (specials.size() > 0) {
      JsonFiles.write(folder.resolve(SPECIALS), specials);
    }
  }

  /** The text of a special token by its Hugging Face name, such as {@code bos_token}. */
  Optional<String> special(String key) {
    for (JsonObject source : new JsonObject[] {config, specials}) {
      JsonElement value = source.get(key);
      if (value != null && value.isJsonObject()) {
        value = value.getAsJsonObject().get("content");
      }
      if (value != null && value.isJsonPrimitive()) {
        return Optional.of(value.getAsString());
      }
    }
    return Optional.empty();
  }

  /** SHA-256 of tokenizer.json, in hex: what {@code sha256sum} prints. */
  String fingerprint() {
    return sha256(bytes);
  }

  /** SHA-256 in hex. */
  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
