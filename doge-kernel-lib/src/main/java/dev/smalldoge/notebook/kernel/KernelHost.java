package dev.smalldoge.notebook.kernel;

import dev.smalldoge.notebook.display.DisplayHost;
import dev.smalldoge.notebook.display.Rendering;
import io.github.spencerpark.jupyter.kernel.display.DisplayData;
import io.github.spencerpark.jupyter.kernel.display.mime.MIMEType;
import io.github.spencerpark.jupyter.messages.publish.PublishDisplayData;
import io.github.spencerpark.jupyter.messages.publish.PublishUpdateDisplayData;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Shows values in the notebook of this kernel. */
record KernelHost(Outbox outbox) implements DisplayHost {
  /** What IJava's {@code render} makes; a message does not tell what it holds. */
  private static final List<String> TYPES =
      List.of(
          "text/plain",
          "text/html",
          "text/markdown",
          "text/latex",
          "image/svg+xml",
          "image/png",
          "image/jpeg",
          "application/json");

  @Override
  public void show(String id, Rendering rendering) {
    outbox.publish(new PublishDisplayData(named(id, rendering)));
  }

  @Override
  public void update(String id, Rendering rendering) {
    outbox.publish(new PublishUpdateDisplayData(named(id, rendering)));
  }

  @Override
  public boolean isRich() {
    return true;
  }

  private static DisplayData named(String id, Rendering rendering) {
    DisplayData data = data(rendering);
    data.setDisplayId(id);
    return data;
  }

  /** The rendering as a Jupyter message holds it. */
  static DisplayData data(Rendering rendering) {
    DisplayData data = new DisplayData();
    rendering.data().forEach(data::putData);
    return data;
  }

  /** What a Jupyter message shows, as a rendering. */
  static Rendering rendering(DisplayData data) {
    Map<String, String> forms = new LinkedHashMap<>();
    for (String type : TYPES) {
      MIMEType mimeType = MIMEType.parse(type);
      if (data.hasDataForType(mimeType)) {
        forms.put(type, String.valueOf(data.getData(mimeType)));
      }
    }
    return new Rendering(forms);
  }
}
