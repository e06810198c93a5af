package dev.smalldoge.generate;

/** Text as HTML. */
public final class Html {
  private Html() {}

  /** The text with what HTML takes as its own escaped. */
  public static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }
}
