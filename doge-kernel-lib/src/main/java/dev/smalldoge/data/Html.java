package dev.smalldoge.data;

/** Text inside HTML. */
final class Html {
  private Html() {}

  /** {@code text} with the characters that HTML reads replaced. */
  static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }
}
