package dev.smalldoge.io;

import dev.smalldoge.config.ModelConfig;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** temp. */
public final class WeightNames {
  private WeightNames() {}

  /** temp. */
  public static Map<String, String> storedNames(Set<String> names, ModelConfig c) {
    Map<String, String> m = new HashMap<>();
    names.forEach(n -> m.put(n, n));
    return m;
  }
}
