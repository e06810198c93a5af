package dev.smalldoge.notebook.kernel;

import dev.smalldoge.notebook.display.Displays;
import dev.smalldoge.notebook.display.Rendering;
import io.github.spencerpark.jupyter.channels.JupyterConnection;
import io.github.spencerpark.jupyter.kernel.BaseKernel;
import io.github.spencerpark.jupyter.kernel.LanguageInfo;
import io.github.spencerpark.jupyter.kernel.display.DisplayData;
import io.github.spencerpark.jupyter.kernel.display.mime.MIMEType;
import io.github.spencerpark.jupyter.kernel.magic.registry.Magics;
import io.github.spencerpark.jupyter.messages.MessageType;
import io.github.spencerpark.jupyter.messages.publish.PublishStream.StreamType;
import java.util.List;
import java.util.Map;

/** A Jupyter kernel of the IJava family: IJava's core, JShell, and the displays of this library. */
public final class DogeKernel extends BaseKernel {
  private final Magics magics = new Magics();
  private final Outbox outbox = new Outbox();
  private final Session session;

  DogeKernel(Map<String, String> environment) {
    session = new Session(Settings.of(environment));
    renderer
        .createRegistration(Object.class)
        .preferring("text/plain", "text/html", "image/png")
        .register((value, context) -> addForms(value, context.getOutputContainer()));
    Displays.attach(new KernelHost(outbox));
    KernelFunctions.serve(this);
  }

  private static void addForms(Object value, DisplayData data) {
    Rendering rendering = Displays.render(value);
    rendering.data().forEach((type, content) -> data.putData(MIMEType.parse(type), content));
  }

  @Override
  public void becomeHandlerForConnection(JupyterConnection connection) {
    super.becomeHandlerForConnection(connection);
    outbox.start();
    System.setOut(KernelStream.of(outbox, StreamType.OUT));
    System.setErr(KernelStream.of(outbox, StreamType.ERR));
    connection.setHandler(
        MessageType.EXECUTE_REQUEST,
        new ExecuteHandler(this, (KernelConnection) connection, session, outbox)::handle);
  }

  /** The magics of this kernel; register more as in IJava. */
  public Magics getMagics() {
    return magics;
  }

  /** Adds a jar or a folder of classes, for the cells to come. */
  public void addToClasspath(String path) {
    session.addToClassPath(Settings.glob(path));
  }

  DisplayData render(Object value) {
    return value == null ? KernelHost.data(Displays.render(null)) : renderer.render(value);
  }

  Object evaluate(String source) throws Exception {
    Object value = session.evaluate(source, "eval");
    return value == Session.NOTHING ? null : value;
  }

  int nextCount() {
    return executionCount.getAndIncrement();
  }

  int count() {
    return executionCount.get();
  }

  @Override
  public DisplayData eval(String source) throws Exception {
    return render(evaluate(source)); // the core's own way in, replaced by ExecuteHandler
  }

  @Override
  public void interrupt() {
    session.interrupter().interrupt();
  }

  @Override
  public void onShutdown(boolean isRestarting) {
    session.interrupter().interrupt();
    Main.exitSoon();
  }

  @Override
  public String getBanner() {
    return "Java " + Runtime.version() + " with the Doge library; %magics lists the magics";
  }

  @Override
  public LanguageInfo getLanguageInfo() {
    return new LanguageInfo.Builder("Java")
        .version(Runtime.version().toString())
        .mimetype("text/x-java-source")
        .fileExtension(".jshell")
        .pygments("java")
        .codemirror("java")
        .build();
  }

  @Override
  public List<LanguageInfo.Help> getHelpLinks() {
    return List.of();
  }
}
