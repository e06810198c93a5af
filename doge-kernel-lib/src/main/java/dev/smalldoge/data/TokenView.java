package dev.smalldoge.data;

import dev.smalldoge.tokenizer.Tokenizer;

/**
 * One document token by token: in a notebook those that are learned are green and the others grey;
 * in a terminal they are separated by {@code |}, and those not learned stand in brackets.
 *
 * @param tokenizer what spells the ids
 * @param ids the document
 * @param trained which of them are learned
 */
@SuppressWarnings("ArrayRecordComponent") // shown and never compared
public record TokenView(Tokenizer tokenizer, int[] ids, boolean[] trained) {
  private static final int SHOWN = 2_000;
  private static final String[] LEARNED = {"#c8e6c9", "#a5d6a7"};
  private static final String[] OTHERS = {"#eeeeee", "#dddddd"};

  /** Spans with the id as their tooltip; two shades alternate, so that neighbours show apart. */
  public String toHtml() {
    StringBuilder html = new StringBuilder("<div style=\"white-space:pre-wrap;color:#222\">");
    for (int i = 0; i < Math.min(SHOWN, ids.length); i++) {
      String colour = (trained[i] ? LEARNED : OTHERS)[i % 2];
      html.append("<span title=\"").append(ids[i]).append("\" style=\"background:");
      html.append(colour).append("\">").append(Html.escape(text(i))).append("</span>");
    }
    return html.append(rest()).append("</div>").toString();
  }

  private String text(int i) {
    return tokenizer.decode(ids[i]).replace("\n", "⏎\n");
  }

  private String rest() {
    return ids.length > SHOWN ? String.format(" … and %,d tokens more", ids.length - SHOWN) : "";
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < Math.min(SHOWN, ids.length); i++) {
      text.append(i == 0 ? "" : "|").append(trained[i] ? text(i) : "[" + text(i) + "]");
    }
    return text.append(rest()).toString();
  }
}
