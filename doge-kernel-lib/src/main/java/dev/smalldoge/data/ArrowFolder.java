package dev.smalldoge.data;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.io.JsonFiles;
import dev.smalldoge.tokenizer.Message;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The folder that {@code save_to_disk} of the Python library {@code datasets} writes and {@code
 * load_from_disk} reads: Arrow streams, {@code state.json} and {@code dataset_info.json}.
 *
 * <p>Read one as any corpus: {@code Corpus.folder("datasets/sft_dataset")}; of a folder with
 * several splits that is {@code train}, and {@code Corpus.folder("datasets/sft_dataset/test")}
 * another.
 *
 * <p>Example: {@code ArrowFolder.writeConversations(folder, corpus.conversations())}.
 */
public final class ArrowFolder {
  static final String STATE = "state.json";
  static final String SPLITS = "dataset_dict.json";
  private static final long SHARD_BYTES = 500_000_000; // that library's own size

  private ArrowFolder() {}

  /** What fills the columns row by row. */
  private interface Rows {
    /** Adds the next row's values; false if there is none. */
    boolean addNext();
  }

  /**
   * Writes one row a document: {@code input_ids} list of int32, {@code attention_mask} list of
   * int8, all ones.
   *
   * @throws DogeException if it cannot be written, or there is such a folder already
   */
  public static void writeTokens(Path folder, Tokens tokens) {
    ArrowColumn.Whole ids = new ArrowColumn.Whole(32);
    ArrowColumn.Whole mask = new ArrowColumn.Whole(8);
    ArrowColumn.Lists inputIds = new ArrowColumn.Lists(ids);
    ArrowColumn.Lists attentionMask = new ArrowColumn.Lists(mask);
    Map<String, ArrowColumn> columns = new LinkedHashMap<>();
    columns.put("input_ids", inputIds);
    columns.put("attention_mask", attentionMask);
    long[] next = {0};
    Rows rows =
        () -> {
          if (next[0] == tokens.documents()) {
            return false;
          }
          for (int id : tokens.file().document(tokens.selection().document(next[0]++))) {
            ids.add(id);
            mask.add(1);
          }
          inputIds.end();
          attentionMask.end();
          return true;
        };
    write(folder, columns, rows);
  }

  /** Writes one row a text, in a column of that name; errors as {@link #writeTokens}. */
  public static void writeTexts(Path folder, Iterable<String> texts) {
    ArrowColumn.Text column = new ArrowColumn.Text();
    var next = texts.iterator();
    write(
        folder,
        Map.of("text", column),
        () -> {
          if (!next.hasNext()) {
            return false;
          }
          column.add(next.next());
          return true;
        });
  }

  /**
   * Writes one row a conversation, in a column {@code messages}: list of struct of content and
   * role; errors as {@link #writeTokens}.
   */
  public static void writeConversations(Path folder, Iterable<Conversation> conversations) {
    ArrowColumn.Messages messages = new ArrowColumn.Messages();
    ArrowColumn.Lists column = new ArrowColumn.Lists(messages);
    var next = conversations.iterator();
    write(
        folder,
        Map.of("messages", column),
        () -> {
          if (!next.hasNext()) {
            return false;
          }
          addMessages(messages, column, next.next().messages());
          return true;
        });
  }

  /**
   * Writes one row a preference, in columns {@code prompt}, {@code chosen} and {@code rejected},
   * all lists of messages; errors as {@link #writeTokens}.
   */
  public static void writePreferences(Path folder, Iterable<PreferencePair> pairs) {
    Map<String, ArrowColumn> columns = new LinkedHashMap<>();
    Map<String, ArrowColumn.Messages> messages = new LinkedHashMap<>();
    for (String name : List.of("prompt", "chosen", "rejected")) {
      messages.put(name, new ArrowColumn.Messages());
      columns.put(name, new ArrowColumn.Lists(messages.get(name)));
    }
    var next = pairs.iterator();
    write(
        folder,
        columns,
        () -> {
          if (!next.hasNext()) {
            return false;
          }
          PreferencePair pair = next.next();
          Map<String, List<Message>> values =
              Map.of(
                  "prompt", pair.prompt(),
                  "chosen", List.of(pair.chosen()),
                  "rejected", List.of(pair.rejected()));
          messages.forEach(
              (name, target) ->
                  addMessages(target, (ArrowColumn.Lists) columns.get(name), values.get(name)));
          return true;
        });
  }

  private static void addMessages(
      ArrowColumn.Messages target, ArrowColumn.Lists list, List<Message> messages) {
    messages.forEach(message -> target.add(message.role(), message.content()));
    list.end();
  }

  private static void write(Path folder, Map<String, ArrowColumn> columns, Rows rows) {
    check(
        Files.notExists(folder.resolve(STATE)),
        "%s already holds a data set; name another folder or delete it first",
        folder);
    List<Path> shards = new ArrayList<>();
    try {
      Files.createDirectories(folder);
      boolean more = rows.addNext();
      check(more, "%s would hold no rows; give a corpus with rows", folder);
      while (more) {
        Path shard = folder.resolve(String.format("data-%05d.part", shards.size()));
        shards.add(shard);
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(shard), 1 << 16)) {
          ArrowWriter writer = new ArrowWriter(out, columns);
          while (more && writer.written() < SHARD_BYTES) {
            writer.row();
            more = rows.addNext();
          }
          writer.finish();
        }
      }
      JsonArray files = new JsonArray();
      for (int i = 0; i < shards.size(); i++) {
        String name = String.format("data-%05d-of-%05d.arrow", i, shards.size());
        Files.move(shards.get(i), folder.resolve(name), StandardCopyOption.REPLACE_EXISTING);
        JsonObject file = new JsonObject();
        file.addProperty("filename", name);
        files.add(file);
      }
      JsonFiles.write(folder.resolve("dataset_info.json"), new JsonObject());
      JsonFiles.write(folder.resolve(STATE), state(files)); // last: without it there is no data set
    } catch (IOException e) {
      throw new DogeException(
          folder + " could not be written (" + e.getMessage() + "); free some room, try again", e);
    }
  }

  /** Features are left out, so that every version of that library takes them from the streams. */
  private static JsonObject state(JsonArray files) {
    JsonObject state = new JsonObject();
    state.add("_data_files", files);
    state.add("_fingerprint", JsonNull.INSTANCE);
    state.add("_format_columns", JsonNull.INSTANCE);
    state.add("_format_kwargs", new JsonObject());
    state.add("_format_type", JsonNull.INSTANCE);
    state.addProperty("_output_all_columns", false);
    state.add("_split", JsonNull.INSTANCE);
    return state;
  }

  /** The streams of {@code folder} in their order, or none if it is no such folder. */
  static List<Path> files(Path folder) {
    Path splits = folder.resolve(SPLITS);
    if (Files.isRegularFile(splits)) {
      List<String> names = new ArrayList<>();
      for (JsonElement name : array(splits, "splits")) {
        names.add(name.getAsString());
      }
      check(
          names.contains("train"),
          "%s has the splits %s but no train; name the folder of one of them",
          folder,
          names);
      return files(folder.resolve("train"));
    }
    Path state = folder.resolve(STATE);
    if (!Files.isRegularFile(state)) {
      return List.of();
    }
    List<Path> files = new ArrayList<>();
    for (JsonElement file : array(state, "_data_files")) {
      JsonElement name = file.isJsonObject() ? file.getAsJsonObject().get("filename") : null;
      check(name != null, "%s names a data file without filename; save the data set again", state);
      files.add(folder.resolve(name.getAsString()));
    }
    check(!files.isEmpty(), "%s names no data files; save the data set again", state);
    return files;
  }

  private static JsonArray array(Path file, String key) {
    JsonElement value = JsonFiles.readObject(file).get(key);
    check(
        value != null && value.isJsonArray(),
        "%s has no list \"%s\"; save the data set again",
        file,
        key);
    return value.getAsJsonArray();
  }
}
