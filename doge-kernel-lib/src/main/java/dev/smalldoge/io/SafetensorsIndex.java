package dev.smalldoge.io;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.smalldoge.config.DogeException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/** Which file of a folder holds which tensor: {@code model.safetensors.index.json}. */
record SafetensorsIndex(Path file, Map<String, String> weightMap) {
  static SafetensorsIndex read(Path file) {
    JsonElement map = JsonFiles.readObject(file).get("weight_map");
    check(
        map != null && map.isJsonObject() && map.getAsJsonObject().size() > 0,
        "%s has no weight_map, which must say the file of each tensor; fetch it again",
        file);
    Map<String, String> weightMap = new LinkedHashMap<>();
    map.getAsJsonObject()
        .entrySet()
        .forEach(entry -> weightMap.put(entry.getKey(), plainName(file, entry)));
    return new SafetensorsIndex(file, weightMap);
  }

  /** A file beside the index, never a path that leads out of the folder. */
  private static String plainName(Path index, Map.Entry<String, JsonElement> entry) {
    JsonElement value = entry.getValue();
    boolean text = value.isJsonPrimitive() && value.getAsJsonPrimitive().isString();
    check(
        text && value.getAsString().matches("[A-Za-z0-9_][A-Za-z0-9._-]*\\.safetensors"),
        "%s puts tensor \"%s\" into %s, expected the plain name of a .safetensors file",
        index,
        entry.getKey(),
        value);
    return value.getAsString();
  }

  Set<String> files() {
    return new LinkedHashSet<>(weightMap.values());
  }

  /** Index and files agree on where each tensor is. */
  void requireAgreement(Map<String, TensorInfo> tensors) {
    weightMap.forEach(
        (name, in) -> {
          TensorInfo info = tensors.get(name);
          if (info == null || !info.file().getFileName().toString().equals(in)) {
            throw new DogeException(
                String.format(
                    "%s expects tensor \"%s\" in %s, found it %s; fetch the folder again",
                    file, name, in, info == null ? "nowhere" : "in " + info.file().getFileName()));
          }
        });
    for (TensorInfo info : tensors.values()) {
      if (!weightMap.containsKey(info.name())) {
        throw new DogeException(
            String.format(
                "%s holds tensor \"%s\", which %s does not list; fetch the folder again",
                info.file(), info.name(), file));
      }
    }
  }

  static JsonObject toJson(Map<String, String> weightMap, long totalBytes) {
    JsonObject metadata = new JsonObject();
    metadata.addProperty("total_size", totalBytes);
    JsonObject map = new JsonObject();
    weightMap.forEach(map::addProperty);
    JsonObject index = new JsonObject();
    index.add("metadata", metadata);
    index.add("weight_map", map);
    return index;
  }
}
