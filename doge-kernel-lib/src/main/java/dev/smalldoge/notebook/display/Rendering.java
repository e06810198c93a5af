package dev.smalldoge.notebook.display;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.imageio.ImageIO;

/**
 * What a value looks like, in every form that a host can choose from.
 *
 * @param data MIME type to content; {@code text/plain} is always there, images are in base64
 */
public record Rendering(Map<String, String> data) {
  /** MIME type of plain text. */
  public static final String TEXT = "text/plain";

  /** MIME type of HTML. */
  public static final String HTML = "text/html";

  /** MIME type of a PNG image, its bytes in base64. */
  public static final String PNG = "image/png";

  /** Keeps the order of {@code data} and its own copy. */
  public Rendering {
    data = new LinkedHashMap<>(data);
    data.putIfAbsent(TEXT, "");
  }

  /** Plain text alone. */
  public static Rendering text(String text) {
    return new Rendering(Map.of(TEXT, text));
  }

  /** HTML, and the plain text for hosts without HTML. */
  public static Rendering html(String html, String text) {
    return text(text).with(HTML, html);
  }

  /** An image as PNG, and the plain text for hosts without images. */
  public static Rendering png(BufferedImage image, String text) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      ImageIO.write(image, "png", bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // a ByteArrayOutputStream does not fail
    }
    return text(text).with(PNG, Base64.getEncoder().encodeToString(bytes.toByteArray()));
  }

  /** This rendering with one more form. */
  public Rendering with(String mimeType, String content) {
    Map<String, String> forms = new LinkedHashMap<>(data);
    forms.put(mimeType, content);
    return new Rendering(forms);
  }

  /** The plain text. */
  public String text() {
    return data.get(TEXT);
  }
}
