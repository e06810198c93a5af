package dev.smalldoge.config;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.schema.CoreSchema;

/** YAML 1.2 of the core schema: {@code no} is a word, {@code True} and {@code 8e-3} are not. */
final class Yaml {
  private Yaml() {}

  static Map<String, Object> read(Path file) {
    String text;
    try {
      text = Files.readString(file);
    } catch (NoSuchFileException e) {
      throw new DogeException(file + " does not exist; look into recipes/ for those there are", e);
    } catch (CharacterCodingException e) {
      throw new DogeException(file + " is not UTF-8 text; a recipe is a YAML file", e);
    } catch (IOException e) {
      throw new DogeException(file + " cannot be read: " + e + "; check the path", e);
    }
    Object value = parse(file.toString(), text);
    if (!(value instanceof Map<?, ?> map)) {
      throw new DogeException(file + " holds no keys; a recipe begins with \"stage: pretrain\"");
    }
    Map<String, Object> keys = new LinkedHashMap<>();
    map.forEach((key, entry) -> keys.put(String.valueOf(key), entry));
    return keys;
  }

  static Object parse(String where, String text) {
    try {
      LoadSettings settings =
          LoadSettings.builder().setLabel(where).setSchema(new CoreSchema()).build();
      return new Load(settings).loadFromString(text);
    } catch (MarkedYamlEngineException e) {
      String line = e.getProblemMark().map(mark -> " in line " + (mark.getLine() + 1)).orElse("");
      throw new DogeException(where + " is not YAML" + line + ": " + e.getProblem(), e);
    } catch (YamlEngineException e) {
      throw new DogeException(where + " is not YAML: " + e.getMessage(), e);
    }
  }

  static String write(Map<String, Object> keys) {
    DumpSettings settings =
        DumpSettings.builder()
            .setDefaultFlowStyle(FlowStyle.BLOCK)
            .setSchema(new CoreSchema())
            .build();
    return new Dump(settings).dumpToString(keys);
  }

  /** The keys of nested maps joined by dots, with their values as text. */
  static Map<String, String> flat(Map<String, Object> keys) {
    Map<String, String> rows = new LinkedHashMap<>();
    keys.forEach(
        (key, value) -> {
          if (value instanceof Map<?, ?> inner) {
            Map<String, Object> named = new LinkedHashMap<>();
            inner.forEach((name, entry) -> named.put(String.valueOf(name), entry));
            flat(named).forEach((name, entry) -> rows.put(key + "." + name, entry));
          } else {
            rows.put(
                key,
                value instanceof Integer || value instanceof Long
                    ? String.format(Locale.ROOT, "%,d", ((Number) value).longValue())
                    : String.valueOf(value));
          }
        });
    return rows;
  }
}
