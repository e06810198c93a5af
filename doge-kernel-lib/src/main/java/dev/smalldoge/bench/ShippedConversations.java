package dev.smalldoge.bench;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPOutputStream;

/**
 * Makes the conversations and preferences of {@code datasets/shipped} from the unpacked packages
 * that its README names: {@code ShippedConversations <faq sources> <python_stdlib> <target>}.
 *
 * <p>Questions of the FAQ and all answers were written by people; the questions about functions are
 * templates. Functions of odd number are instructions, those of even number preferences, so that no
 * function is in both. A preference is for words: asked what a function does, the docstring's first
 * paragraph is chosen and the function's source rejected.
 */
public final class ShippedConversations {
  private static final int FUNCTIONS = 1_600;
  private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();

  private ShippedConversations() {}

  /** Writes the three files. */
  public static void main(String... arguments) throws IOException {
    List<PythonFaq.Entry> entries = PythonFaq.in(Path.of(arguments[0]));
    List<PythonFunctions.Function> functions = PythonFunctions.in(Path.of(arguments[1]));
    Path target = Path.of(arguments[2]);
    List<JsonObject> asked = new ArrayList<>();
    List<JsonObject> preferred = new ArrayList<>();
    for (int i = 0; i < Math.min(2 * FUNCTIONS, functions.size()); i++) {
      if (i % 2 == 0) {
        preferred.add(preference(functions.get(i)));
      } else {
        asked.add(instruction(functions.get(i)));
      }
    }
    write(target.resolve("python-faq.jsonl.gz"), entries.stream().map(e -> faq(e)).toList());
    write(target.resolve("python-docstrings.jsonl.gz"), asked);
    write(target.resolve("python-explanations.jsonl.gz"), preferred);
  }

  private static JsonObject faq(PythonFaq.Entry entry) {
    JsonObject row = new JsonObject();
    row.addProperty("id", entry.id());
    row.add("messages", messages("user", entry.question(), "assistant", entry.answer()));
    return row;
  }

  private static JsonObject instruction(PythonFunctions.Function function) {
    String request =
        "Write this Python function:\n\n" + function.signature() + "\n\n" + function.docstring();
    JsonObject row = new JsonObject();
    row.addProperty("id", function.name());
    row.add("messages", messages("user", request, "assistant", function.source()));
    return row;
  }

  private static JsonObject preference(PythonFunctions.Function function) {
    JsonObject row = new JsonObject();
    row.addProperty("id", function.name());
    row.addProperty("rejected_kind", "source code in place of words");
    row.add("prompt", messages("user", "What does " + function.name() + " do?"));
    row.add("chosen", messages("assistant", function.summary()));
    row.add("rejected", messages("assistant", function.source()));
    return row;
  }

  private static JsonArray messages(String... rolesAndContents) {
    JsonArray messages = new JsonArray();
    for (int i = 0; i < rolesAndContents.length; i += 2) {
      JsonObject message = new JsonObject();
      message.addProperty("role", rolesAndContents[i]);
      message.addProperty("content", rolesAndContents[i + 1]);
      messages.add(message);
    }
    return messages;
  }

  private static void write(Path file, List<JsonObject> rows) throws IOException {
    long bytes = 0;
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
      for (JsonObject row : rows) {
        byte[] line = (GSON.toJson(row) + "\n").getBytes(StandardCharsets.UTF_8);
        out.write(line);
        bytes += line.length;
      }
    }
    System.out.printf(
        "%s: %d rows, %d bytes, %d compressed%n",
        file.getFileName(), rows.size(), bytes, Files.size(file));
  }
}
