package dev.smalldoge.notebook.kernel;

import dev.smalldoge.notebook.display.DisplayHost;
import dev.smalldoge.notebook.display.Rendering;
import io.github.spencerpark.jupyter.kernel.display.DisplayData;
import io.github.spencerpark.jupyter.messages.publish.PublishDisplayData;
import io.github.spencerpark.jupyter.messages.publish.PublishUpdateDisplayData;

/** Shows values in the notebook of this kernel. */
record KernelHost(Outbox outbox) implements DisplayHost {
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
}
