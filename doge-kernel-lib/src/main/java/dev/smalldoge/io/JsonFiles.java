package dev.smalldoge.io;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.Fields;
import java.io.IOException;
import java.io.StringReader;
import java.math.BigInteger;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Small JSON files, read strictly (no comments, no key twice) and written like Python does. */
public final class JsonFiles {
  private static final Gson PRETTY =
      new GsonBuilder()
          .setPrettyPrinting()
          .disableHtmlEscaping()
          .serializeNulls()
          .setStrictness(Strictness.STRICT)
          .create();

  private JsonFiles() {}

  /**
   * The JSON object that {@code file} holds.
   *
   * @throws DogeException if it is missing, or holds anything else
   */
  public static JsonObject readObject(Path file) {
    String text;
    try {
      text = Files.readString(file);
    } catch (NoSuchFileException e) {
      throw new DogeException(
          file + " does not exist; check the path, or fetch the model first", e);
    } catch (CharacterCodingException e) {
      throw new DogeException(file + " is not UTF-8 text; it is damaged, fetch it again", e);
    } catch (IOException e) {
      throw new DogeException(file + " cannot be read: " + e + "; check the disk and try again", e);
    }
    JsonElement value = parse(file, text);
    if (!value.isJsonObject()) {
      throw new DogeException(file + " holds no JSON object; it must begin with '{'");
    }
    return value.getAsJsonObject();
  }

  /**
   * The members of the JSON object that {@code file} holds, to be read with their types.
   *
   * @throws DogeException as {@link #readObject}
   */
  public static Fields fields(Path file) {
    Map<String, Object> values = new LinkedHashMap<>();
    readObject(file).entrySet().forEach(e -> values.put(e.getKey(), plain(e.getValue())));
    return new Fields(file.toString(), values);
  }

  /** JSON as Long, Double, Boolean, String, List, Map and null. */
  private static Object plain(JsonElement value) {
    if (value instanceof JsonObject object) {
      Map<String, Object> map = new LinkedHashMap<>();
      object.entrySet().forEach(e -> map.put(e.getKey(), plain(e.getValue())));
      return map;
    }
    if (value.isJsonArray()) {
      List<Object> list = new ArrayList<>();
      value.getAsJsonArray().forEach(e -> list.add(plain(e)));
      return list;
    }
    if (value instanceof JsonPrimitive primitive) {
      return primitive.isBoolean()
          ? (Object) primitive.getAsBoolean()
          : primitive.isNumber() ? (Object) primitive.getAsNumber() : primitive.getAsString();
    }
    return null;
  }

  private static JsonElement parse(Path file, String text) {
    try (JsonReader reader = new JsonReader(new StringReader(text))) {
      reader.setStrictness(Strictness.STRICT);
      JsonElement value = read(file, reader);
      if (reader.peek() != JsonToken.END_DOCUMENT) { // strict reading fails by itself
        throw new IllegalStateException("more than one value");
      }
      return value;
    } catch (IOException | IllegalStateException | NumberFormatException e) {
      throw new DogeException(file + " is not JSON (" + place(e) + "); mend or fetch it again", e);
    }
  }

  private static JsonElement read(Path file, JsonReader reader) throws IOException {
    return switch (reader.peek()) {
      case BEGIN_OBJECT -> readMembers(file, reader);
      case BEGIN_ARRAY -> {
        JsonArray array = new JsonArray();
        reader.beginArray();
        while (reader.hasNext()) {
          array.add(read(file, reader));
        }
        reader.endArray();
        yield array;
      }
      case STRING -> new JsonPrimitive(reader.nextString());
      case NUMBER -> new JsonPrimitive(number(reader.nextString()));
      case BOOLEAN -> new JsonPrimitive(reader.nextBoolean());
      default -> {
        reader.nextNull();
        yield JsonNull.INSTANCE;
      }
    };
  }

  private static JsonObject readMembers(Path file, JsonReader reader) throws IOException {
    JsonObject object = new JsonObject();
    reader.beginObject();
    while (reader.hasNext()) {
      String key = reader.nextName();
      if (object.has(key)) {
        throw new DogeException(file + " has key \"" + key + "\" twice; keep one of them");
      }
      object.add(key, read(file, reader));
    }
    reader.endObject();
    return object;
  }

  /** What a JSON reader's exception says of the place, without its advice to programmers. */
  static String place(Exception e) {
    String message = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    return message.replaceFirst("Use JsonReader.*malformed JSON", "malformed");
  }

  private static Number number(String text) {
    if (text.matches("-?[0-9]{1,19}")) {
      BigInteger whole = new BigInteger(text);
      if (whole.bitLength() < Long.SIZE) {
        return whole.longValue();
      }
    }
    return Double.valueOf(text);
  }

  /**
   * Writes {@code value} with two spaces of indent and a last newline, aside and then renamed.
   *
   * @throws DogeException if it cannot be written
   */
  public static void write(Path file, JsonObject value) {
    WrittenAside.text(file, text(value));
  }

  /** The same aside, to appear with the other files of {@code aside}. */
  static void write(Path file, JsonObject value, WrittenAside aside) {
    byte[] json = text(value).getBytes(StandardCharsets.UTF_8);
    aside.write(file, out -> out.write(json));
  }

  /** {@code value} with two spaces of indent and a last newline. */
  static String text(JsonObject value) {
    return PRETTY.toJson(value) + "\n";
  }
}
