package dev.smalldoge.notebook.display;

import dev.smalldoge.config.Recipe;
import dev.smalldoge.data.Corpus;
import dev.smalldoge.data.Tokens;
import dev.smalldoge.dpo.PreferenceRun;
import dev.smalldoge.generate.Chat;
import dev.smalldoge.generate.Reply;
import dev.smalldoge.pretrain.PretrainRun;
import dev.smalldoge.sft.FineTuningRun;
import dev.smalldoge.train.RunProgress;
import java.awt.image.BufferedImage;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.internal.chartpart.Chart;
import tech.tablesaw.api.Table;

/**
 * Renders any value as HTML, PNG and plain text, and shows it in whatever host runs the code.
 *
 * <p>Looked up by type, the latest registration first; then a public {@code String toHtml()} of the
 * value itself; then tables for records, maps and collections; then {@code toString}.
 */
public final class Displays {
  private static final Map<Class<?>, Function<Object, Rendering>> RENDERERS = new LinkedHashMap<>();
  private static volatile DisplayHost host = new TerminalHost();

  static {
    register(Rendering.class, rendering -> rendering);
    register(BufferedImage.class, Displays::image);
    register(Table.class, TableHtml::ofTable);
    register(Corpus.class, LibraryViews::corpus);
    register(Tokens.class, LibraryViews::tokens);
    register(Recipe.class, LibraryViews::recipe);
    for (Class<?> run : List.of(PretrainRun.class, FineTuningRun.class, PreferenceRun.class)) {
      register(run, value -> Rendering.text(value.toString())); // one line, and no table of parts
    }
    register(
        Chart.class,
        chart -> Rendering.png(BitmapEncoder.getBufferedImage(chart), "chart " + chart.getTitle()));
  }

  private Displays() {}

  /** Shows every {@code T} as {@code renderer} says, from now on. */
  public static <T> void register(Class<T> type, Function<? super T, Rendering> renderer) {
    synchronized (RENDERERS) {
      RENDERERS.remove(type); // so that it becomes the latest
      RENDERERS.put(type, value -> renderer.apply(type.cast(value)));
    }
  }

  /**
   * Shows everything in {@code newHost} from now on, training runs as live charts and chats as they
   * go.
   */
  public static void attach(DisplayHost newHost) {
    host = newHost;
    RunProgress.showBy(title -> LiveChart.start(title).listener());
    ChatDisplay chats = new ChatDisplay(System::nanoTime);
    register(Reply.class, chats::reply);
    Chat.listenToEveryChat(chats);
  }

  /** Shows {@code value} now. */
  public static DisplayHandle show(Object value) {
    DisplayHandle handle = new DisplayHandle(host);
    handle.show(value);
    return handle;
  }

  /** Where {@link #show} shows. */
  public static DisplayHost host() {
    return host;
  }

  /** Every form of {@code value}; {@code null} is the word null. */
  public static Rendering render(Object value) {
    if (value == null) {
      return Rendering.text("null");
    }
    Function<Object, Rendering> renderer = null;
    synchronized (RENDERERS) {
      for (Map.Entry<Class<?>, Function<Object, Rendering>> entry : RENDERERS.entrySet()) {
        if (entry.getKey().isInstance(value)) {
          renderer = entry.getValue();
        }
      }
    }
    return renderer != null ? renderer.apply(value) : TableHtml.ofAny(value);
  }

  private static Rendering image(BufferedImage image) {
    return Rendering.png(image, "image " + image.getWidth() + " x " + image.getHeight());
  }
}
