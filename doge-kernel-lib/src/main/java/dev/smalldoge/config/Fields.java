package dev.smalldoge.config;

import static dev.smalldoge.config.Checks.check;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * The keys of one JSON or YAML map, read with their types; remembers which were read, so that the
 * rest can be told.
 *
 * <p>A key whose value is null counts as absent. Values are Long, Double, Boolean, String, List or
 * Map.
 */
public final class Fields {
  private final String where;
  private final Map<String, Object> values;
  private final Set<String> read = new LinkedHashSet<>();

  /** The map {@code values}; {@code where} opens every sentence, a file's name for instance. */
  public Fields(String where, Map<String, ?> values) {
    this.where = where;
    this.values = new LinkedHashMap<>(values);
  }

  /** What opens every sentence about these keys. */
  public String where() {
    return where;
  }

  /** Whether the key is there with a value. */
  public boolean has(String key) {
    return values.get(key) != null;
  }

  /** The value as it is, or null; it counts as read. */
  public Object raw(String key) {
    read.add(key);
    return values.get(key);
  }

  /** A whole number of 32 bits, or {@code absent}. */
  public int integer(String key, int absent) {
    long value = whole(key, absent);
    check(
        value == (int) value, "%s: %s %d does not fit into 32 bits; give less", where, key, value);
    return (int) value;
  }

  /** A whole number of 64 bits, or {@code absent}; 4.0 counts as whole. */
  public long whole(String key, long absent) {
    Object value = raw(key);
    if (value == null) {
      return absent;
    }
    if (value instanceof Double d && d == Math.rint(d) && Math.abs(d) < 1L << 53) {
      return d.longValue();
    }
    if (value instanceof Long || value instanceof Integer) {
      return ((Number) value).longValue();
    }
    throw wrong(key, value, "a whole number");
  }

  /** A finite number, or {@code absent}. */
  public double number(String key, double absent) {
    Object value = raw(key);
    if (value == null) {
      return absent;
    }
    if (value instanceof Number number && Double.isFinite(number.doubleValue())) {
      return number.doubleValue();
    }
    throw wrong(key, value, "a number");
  }

  /** True or false, or {@code absent}. */
  public boolean flag(String key, boolean absent) {
    Object value = raw(key);
    if (value == null) {
      return absent;
    }
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw wrong(key, value, "true or false");
  }

  /** A text, or {@code absent}. */
  public String text(String key, String absent) {
    Object value = raw(key);
    if (value == null) {
      return absent;
    }
    if (value instanceof String text) {
      return text;
    }
    throw wrong(key, value, "a text");
  }

  /** One of the constants of an enum by its name in lower case, or {@code absent}. */
  public <E extends Enum<E>> E choice(String key, Class<E> type, E absent) {
    String value = text(key, null);
    if (value == null) {
      return absent;
    }
    List<String> names = new ArrayList<>();
    for (E constant : type.getEnumConstants()) {
      names.add(constant.name().toLowerCase(Locale.ROOT));
      if (names.get(names.size() - 1).equals(value)) {
        return constant;
      }
    }
    throw new DogeException(
        String.format("%s: %s \"%s\" is not one of %s", where, key, value, names));
  }

  /** One whole number, or a list of them; empty if absent. */
  public List<Integer> integers(String key) {
    Object value = raw(key);
    if (value == null) {
      return List.of();
    }
    List<Integer> integers = new ArrayList<>();
    for (Object entry : value instanceof List<?> list ? list : List.of(value)) {
      if (entry == null) {
        throw wrong(key, value, "a whole number or a list of them");
      }
      integers.add(new Fields(where, Map.of(key, entry)).integer(key, 0));
    }
    return integers;
  }

  /** A list of texts, or {@code absent}. */
  public List<String> texts(String key, List<String> absent) {
    Object value = raw(key);
    if (value == null) {
      return absent;
    }
    if (value instanceof List<?> list && list.stream().allMatch(String.class::isInstance)) {
      return list.stream().map(String.class::cast).toList();
    }
    throw wrong(key, value, "a list of texts");
  }

  /** The map under a key; empty if absent. */
  public Fields map(String key) {
    Object value = raw(key);
    if (value == null) {
      return new Fields(where + ": " + key, Map.of());
    }
    if (value instanceof Map<?, ?> map) {
      Map<String, Object> named = new LinkedHashMap<>();
      map.forEach((name, entry) -> named.put(String.valueOf(name), entry));
      return new Fields(where + ": " + key, named);
    }
    throw wrong(key, value, "a map");
  }

  /** Fails at the first of {@code keys} that is absent. */
  public void require(String... keys) {
    for (String key : keys) {
      read.add(key);
      check(has(key), "%s has no %s, which it needs; add it", where, key);
    }
  }

  /** Fails at the first key that is none of {@code known}, with the nearest of those. */
  public void requireKnown(Set<String> known) {
    for (String key : values.keySet()) {
      if (!known.contains(key)) {
        throw unknown(key, known);
      }
    }
  }

  /** The keys that were asked for so far, whether there or not. */
  Set<String> asked() {
    return read;
  }

  /** All keys, in the order of the file. */
  public Set<String> keys() {
    return values.keySet();
  }

  /** The keys that nobody has read so far. */
  public Set<String> unread() {
    Set<String> unread = new LinkedHashSet<>(values.keySet());
    unread.removeAll(read);
    return unread;
  }

  /** Fails at the first unread key, with the nearest of those that were asked for. */
  public void requireAllRead() {
    for (String key : unread()) {
      throw unknown(key, read);
    }
  }

  /** The sentence for a key that is not known. */
  DogeException unknown(String key, Set<String> known) {
    String hint =
        values.entrySet().stream()
            .filter(entry -> entry.getValue() instanceof Map<?, ?> map && map.containsKey(key))
            .map(entry -> "; did you mean \"" + entry.getKey() + "." + key + "\"?")
            .findFirst()
            .orElseGet(() -> NearestWord.hint(key, known));
    return new DogeException(
        String.format(
            "%s has the unknown key \"%s\"%s",
            where, key, hint.isEmpty() ? "; the keys here are " + known : hint));
  }

  private DogeException wrong(String key, Object value, String expected) {
    String shown = value instanceof String ? "\"" + value + "\"" : String.valueOf(value);
    return new DogeException(
        String.format("%s: %s is %s, expected %s", where, key, shown, expected));
  }
}
