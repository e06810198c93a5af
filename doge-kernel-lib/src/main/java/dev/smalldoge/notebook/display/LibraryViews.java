package dev.smalldoge.notebook.display;

import dev.smalldoge.config.Recipe;
import dev.smalldoge.data.Corpus;
import dev.smalldoge.data.SourceShare;
import dev.smalldoge.data.Tokens;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** How values of the stages show themselves in a notebook; their text is for terminals. */
final class LibraryViews {
  private static final int ROWS = 3;
  private static final String MODEL = "model.";

  private LibraryViews() {}

  /** A corpus as its first rows. */
  static Rendering corpus(Corpus corpus) {
    List<Map<String, Object>> rows = corpus.head(ROWS);
    Set<String> columns = new LinkedHashSet<>();
    rows.forEach(row -> columns.addAll(row.keySet()));
    List<List<String>> cells =
        rows.stream()
            .map(row -> columns.stream().map(column -> cell(row.get(column))).toList())
            .toList();
    return Rendering.html(
        TableHtml.html(
            List.copyOf(columns), cells, corpus + ", the first " + rows.size() + " rows"),
        corpus.toString());
  }

  /** A field of a row; messages as they were said. */
  private static String cell(Object field) {
    if (field instanceof List<?> messages
        && !messages.isEmpty()
        && messages.stream().allMatch(LibraryViews::isMessage)) {
      return messages.stream()
          .map(message -> (Map<?, ?>) message)
          .map(message -> message.get("role") + ": " + message.get("content"))
          .collect(Collectors.joining(" · "));
    }
    return TableHtml.text(field);
  }

  private static boolean isMessage(Object value) {
    return value instanceof Map<?, ?> map && map.keySet().equals(Set.of("role", "content"));
  }

  /** Token file or part of one, by the corpora in it. */
  static Rendering tokens(Tokens tokens) {
    List<List<String>> rows = new ArrayList<>();
    for (SourceShare source : tokens.file().sources()) {
      rows.add(
          List.of(
              source.name(),
              number(source.documents()),
              number(source.used()),
              number(source.tokens()),
              String.format(
                  Locale.ROOT, "%.1f %%", 100.0 * source.tokens() / tokens.file().tokens()),
              String.format(Locale.ROOT, "%.2f", (double) source.textBytes() / source.tokens())));
    }
    List<String> header =
        List.of("corpus", "documents", "used an epoch", "tokens", "share", "bytes per token");
    String caption = tokens.toString().lines().findFirst().orElse("");
    return Rendering.html(TableHtml.html(header, rows, caption), tokens.toString());
  }

  /** A recipe as two tables side by side: the model's shape, and how it is trained. */
  static Rendering recipe(Recipe recipe) {
    List<List<String>> model = new ArrayList<>();
    List<List<String>> training = new ArrayList<>();
    for (String line : recipe.toMarkdown().lines().skip(2).toList()) {
      String[] cells = line.split("\\|", -1);
      String key = cells[1].strip().replace("`", "");
      String value = cells[2].strip();
      if (key.startsWith(MODEL)) {
        model.add(List.of(key.substring(MODEL.length()), value));
      } else {
        training.add(List.of(key, value));
      }
    }
    String title = recipe.name() + ", " + recipe.stage();
    String html = TableHtml.html(List.of("training", "value"), training, title);
    if (!model.isEmpty()) {
      html =
          "<div style=\"display:flex;flex-wrap:wrap;gap:1.5em;align-items:flex-start\"><div>"
              + TableHtml.html(List.of("model", "value"), model, title)
              + "</div><div>"
              + html
              + "</div></div>";
    }
    return Rendering.html(html, recipe.toText());
  }

  private static String number(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }
}
