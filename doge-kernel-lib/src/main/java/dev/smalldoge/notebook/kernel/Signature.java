package dev.smalldoge.notebook.kernel;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A declaration as JShell prints it, taken apart.
 *
 * @param owner the type's name, with its package if JShell printed that
 * @param member the method's or field's name; the type's own simple name for a constructor; null
 *     for the type itself
 * @param parameters simple names of the parameter types; null for a field or a type
 */
record Signature(String owner, String member, List<String> parameters) {
  private static final Pattern RECORD_HEADER = Pattern.compile("(\\w)\\([^()]*\\)(?=[.(])");
  private static final Pattern METHOD = Pattern.compile("([\\w.]+)\\.(\\w+)\\((.*)\\)$");
  private static final Pattern CONSTRUCTOR = Pattern.compile("([\\w.]+)\\((.*)\\)$");
  private static final Pattern FIELD = Pattern.compile("([\\w.]+)\\.(\\w+):\\S+$");

  /** What JShell prints, without the record headers that newer JDKs put after type names. */
  static String clean(String printed) {
    return RECORD_HEADER.matcher(printed).replaceAll("$1");
  }

  /** Takes a cleaned signature apart. */
  static Signature parse(String cleaned) {
    String plain = cleaned.replaceAll("<[^<>]*>", "").replaceAll("<[^<>]*>", "");
    Matcher field = FIELD.matcher(plain);
    if (field.find()) {
      return new Signature(field.group(1), field.group(2), null);
    }
    Matcher method = METHOD.matcher(plain);
    Matcher constructor = CONSTRUCTOR.matcher(plain);
    if (method.find() && Character.isLowerCase(method.group(2).charAt(0))) {
      return new Signature(method.group(1), method.group(2), types(method.group(3)));
    }
    if (constructor.find()) {
      String owner = constructor.group(1);
      return new Signature(
          owner, owner.substring(owner.lastIndexOf('.') + 1), types(constructor.group(2)));
    }
    return new Signature(plain.substring(plain.lastIndexOf(' ') + 1), null, null);
  }

  boolean isConstructor() {
    return simpleName(owner).equals(member);
  }

  private static List<String> types(String parameters) {
    if (parameters.isBlank()) {
      return List.of();
    }
    return List.of(parameters.split(",", -1)).stream()
        .map(parameter -> simpleName(parameter.strip().split("\\s+", -1)[0]))
        .toList();
  }

  /** A type's name without its package and type arguments. */
  static String simpleName(String type) {
    String plain = type.replaceAll("<.*>", "").replace("...", "[]");
    return plain.substring(plain.lastIndexOf('.') + 1);
  }
}
