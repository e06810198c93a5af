package dev.smalldoge.tokenizer;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import java.math.BigDecimal;
import java.util.Map;

/**
 * JSON as Python's {@code json.dumps(value, ensure_ascii=False, indent=indent)} writes it, which is
 * what chat templates were rendered with.
 */
final class PythonJson {
  private final StringBuilder out = new StringBuilder();
  private final int indent; // -1: all on one line

  private PythonJson(int indent) {
    this.indent = indent;
  }

  /**
   * Writes maps, lists, text, numbers, booleans and null.
   *
   * @param indent spaces of each level, or -1 for one line
   */
  static String write(Object value, int indent) {
    PythonJson json = new PythonJson(indent);
    json.value(value, 0);
    return json.out.toString();
  }

  private void value(Object value, int depth) {
    if (value == null) {
      out.append("null");
    } else if (value instanceof Map<?, ?> map) {
      container('{', '}', map.entrySet(), depth);
    } else if (value instanceof Iterable<?> list) {
      container('[', ']', list, depth);
    } else if (value instanceof Double || value instanceof Float) {
      out.append(decimal(((Number) value).doubleValue()));
    } else if (value instanceof Number || value instanceof Boolean) {
      out.append(value);
    } else if (value instanceof CharSequence text) {
      text(text);
    } else {
      throw new DogeException(
          "a chat template writes a value of "
              + value.getClass().getName()
              + " as JSON; give maps,"
              + " lists, text and numbers");
    }
  }

  private void container(char open, char close, Iterable<?> elements, int depth) {
    out.append(open);
    boolean first = true;
    for (Object element : elements) {
      if (!first) {
        out.append(indent < 0 ? ", " : ",");
      }
      line(depth + 1);
      if (element instanceof Map.Entry<?, ?> entry && open == '{') {
        text(String.valueOf(entry.getKey()));
        out.append(": ");
        value(entry.getValue(), depth + 1);
      } else {
        value(element, depth + 1);
      }
      first = false;
    }
    if (!first) {
      line(depth);
    }
    out.append(close);
  }

  private void line(int depth) {
    if (indent >= 0) {
      out.append('\n').append(" ".repeat(indent * depth));
    }
  }

  private void text(CharSequence text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        default -> out.append(c < 0x20 ? String.format("\\u%04x", (int) c) : String.valueOf(c));
      }
    }
    out.append('"');
  }

  /** As Python's repr: plain from 1e-4 to 1e16, else with an exponent of at least two digits. */
  private static String decimal(double value) {
    check(Double.isFinite(value), "a chat template writes %s as JSON; give a finite number", value);
    BigDecimal exact = new BigDecimal(Double.toString(value)).stripTrailingZeros();
    double size = Math.abs(value);
    if (size == 0 || (size >= 1e-4 && size < 1e16)) {
      String plain = size == 0 ? Double.toString(value) : exact.toPlainString();
      return plain.contains(".") ? plain : plain + ".0";
    }
    String digits = exact.unscaledValue().abs().toString();
    int exponent = digits.length() - 1 - exact.scale();
    return (value < 0 ? "-" : "")
        + digits.charAt(0)
        + (digits.length() > 1 ? "." + digits.substring(1) : "")
        + String.format("e%s%02d", exponent < 0 ? "-" : "+", Math.abs(exponent));
  }

  /** Whether {@code value} is something that Python can loop over. */
  static boolean isIterable(Object value) {
    return value instanceof Map<?, ?>
        || value instanceof Iterable<?>
        || value instanceof CharSequence;
  }
}
