package dev.smalldoge.notebook.kernel;

import io.github.spencerpark.jupyter.messages.request.HistoryRequest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** The cells of this session, for a console's arrow keys. */
final class History {
  private static final int SESSION = 0;

  private final List<List<Object>> entries = new ArrayList<>();

  synchronized void add(int count, String source) {
    entries.add(List.of(SESSION, count, source));
  }

  /** The reply's content: entries of session, count and source, oldest first. */
  synchronized Map<String, ?> answer(HistoryRequest request) {
    List<List<Object>> found;
    if (request instanceof HistoryRequest.Tail tail) {
      found = last(entries, tail.getMaxReturnLength());
    } else if (request instanceof HistoryRequest.Range range) {
      found = entries.stream().filter(entry -> isIn(range, (int) entry.get(1))).toList();
    } else {
      found = search((HistoryRequest.Search) request);
    }
    return Map.of("status", "ok", "history", found);
  }

  private static boolean isIn(HistoryRequest.Range range, int count) {
    return count >= range.getStart() && (range.getStop() <= 0 || count < range.getStop());
  }

  private List<List<Object>> search(HistoryRequest.Search search) {
    String glob = search.getPattern() == null ? "*" : search.getPattern();
    Pattern pattern =
        Pattern.compile(
            ("\\Q" + glob + "\\E").replace("*", "\\E.*\\Q").replace("?", "\\E.\\Q"),
            Pattern.DOTALL);
    Map<Object, List<Object>> found = new LinkedHashMap<>();
    for (List<Object> entry : entries) {
      if (pattern.matcher((String) entry.get(2)).matches()) {
        Object key = search.filterUnique() ? entry.get(2) : entry;
        found.remove(key);
        found.put(key, entry);
      }
    }
    return last(List.copyOf(found.values()), search.getMaxReturnLength());
  }

  private static List<List<Object>> last(List<List<Object>> all, int count) {
    int from = count <= 0 ? 0 : Math.max(0, all.size() - count);
    return List.copyOf(all.subList(from, all.size()));
  }
}
