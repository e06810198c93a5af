package dev.smalldoge.data;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.smalldoge.config.DogeException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/**
 * Preferences from LanguageTool's English rules: sentences with a mistake, written by people to
 * test a rule, and their correction. Asked to correct the sentence, the corrected one is chosen and
 * the unchanged one rejected; the request is a template.
 *
 * <p>The rules are under the LGPL 2.1 or later, so they are fetched when they are wanted and never
 * shipped: artifact {@code org.languagetool:language-en:6.8} of any Maven repository.
 */
public final class SentenceCorrections {
  /** The corpus's name. */
  public static final String NAME = "sentence-corrections";

  /** Where Maven itself looks. */
  public static final String MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2";

  private static final String ARTIFACT = "org/languagetool/language-en/6.8/language-en-6.8.jar";
  private static final String RULES = "org/languagetool/rules/en/(grammar|style)\\.xml";
  private static final Pattern EXAMPLE =
      Pattern.compile(
          "<example correction=\"([^\"|]+)(?:\\|[^\"]*)?\"[^>]*>([^<]*)<marker>([^<]*)</marker>"
              + "([^<]*)</example>");
  private static final Pattern CHARACTER = Pattern.compile("&#(x?)([0-9A-Fa-f]+);");
  private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();

  private SentenceCorrections() {}

  /** A sentence as it was and as it should be. */
  private record Correction(String wrong, String right) {}

  /**
   * Fetches the artifact, checks its SHA-1 against the repository's and writes the corpus.
   *
   * @param repository base address of a Maven repository
   * @param datasets folder that gets {@code sentence-corrections/}
   * @return number of preferences
   * @throws DogeException if it cannot be fetched, is not what the repository says, or written
   */
  public static int download(String repository, Path datasets) {
    String address = repository.replaceFirst("/+$", "") + "/" + ARTIFACT;
    byte[] jar = fetch(address);
    String told = new String(fetch(address + ".sha1"), StandardCharsets.US_ASCII).strip();
    String expected = told.substring(0, Math.min(told.length(), 40)); // a name may follow
    String found = sha1(jar);
    check(
        found.equals(expected),
        "%s has SHA-1 %s, but the repository says %s; fetch it again",
        address,
        found,
        expected);
    Set<Correction> corrections = corrections(jar);
    write(corrections, datasets.resolve(NAME), address);
    return corrections.size();
  }

  private static byte[] fetch(String address) {
    try (InputStream in = URI.create(address).toURL().openStream()) {
      return in.readAllBytes();
    } catch (IOException | IllegalArgumentException e) {
      throw new DogeException(
          "Cannot fetch " + address + " (" + e + "); check the network or name another repository",
          e);
    }
  }

  private static String sha1(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-1").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has it
    }
  }

  private static Set<Correction> corrections(byte[] jar) {
    Set<Correction> corrections = new LinkedHashSet<>();
    try (ZipInputStream zip = new ZipInputStream(new ByteArrayInputStream(jar))) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        if (entry.getName().matches(RULES)) {
          addTo(corrections, new String(zip.readAllBytes(), StandardCharsets.UTF_8));
        }
      }
    } catch (IOException e) {
      throw new DogeException("The artifact is no jar (" + e + "); fetch it again", e);
    }
    check(!corrections.isEmpty(), "the artifact holds no example with a correction; use 6.8");
    return corrections;
  }

  private static void addTo(Set<Correction> corrections, String rules) {
    Matcher matcher = EXAMPLE.matcher(rules);
    while (matcher.find()) {
      String before = plain(matcher.group(2));
      String after = plain(matcher.group(4));
      String wrong = (before + plain(matcher.group(3)) + after).strip();
      String right = (before + plain(matcher.group(1)) + after).strip();
      if (!wrong.equals(right)) {
        corrections.add(new Correction(wrong, right));
      }
    }
  }

  private static String plain(String xml) {
    String numbers =
        CHARACTER
            .matcher(xml)
            .replaceAll(
                m ->
                    Matcher.quoteReplacement(
                        Character.toString(
                            Integer.parseInt(m.group(2), m.group(1).isEmpty() ? 10 : 16))));
    return numbers
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
  }

  private static void write(Set<Correction> corrections, Path folder, String address) {
    Path file = folder.resolve(NAME + ".jsonl.gz");
    Path aside = folder.resolve(NAME + ".jsonl.gz.part");
    try {
      Files.createDirectories(folder);
      Files.writeString(
          folder.resolve("LICENSE.txt"),
          "Examples of LanguageTool's English rules, from "
              + address
              + ".\nCopyright (C) 2001 Daniel Naber and the LanguageTool contributors; GNU Lesser"
              + " General Public License, version 2.1 or later.\n");
      try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(aside))) {
        for (Correction correction : corrections) {
          out.write((GSON.toJson(row(correction)) + "\n").getBytes(StandardCharsets.UTF_8));
        }
      }
      Files.move(aside, file, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new DogeException("Cannot write " + file + " (" + e + "); choose another folder", e);
    }
  }

  private static JsonObject row(Correction correction) {
    JsonObject row = new JsonObject();
    row.add("prompt", message("user", "Correct this sentence: " + correction.wrong()));
    row.add("chosen", message("assistant", correction.right()));
    row.add("rejected", message("assistant", correction.wrong()));
    return row;
  }

  private static JsonArray message(String role, String content) {
    JsonObject message = new JsonObject();
    message.addProperty("role", role);
    message.addProperty("content", content);
    JsonArray messages = new JsonArray();
    messages.add(message);
    return messages;
  }
}
