package dev.smalldoge.notebook.kernel;

import dev.smalldoge.notebook.display.Displays;
import dev.smalldoge.notebook.display.Rendering;
import dev.smalldoge.notebook.kernel.MagicSource.CellMagic;
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
import java.util.Set;

/** A Jupyter kernel of the IJava family: IJava's core, JShell, and the displays of this library. */
public final class DogeKernel extends BaseKernel {
  private final Magics magics = new Magics();
  private final Outbox outbox = new Outbox();
  private final Session session;
  private final History history = new History();
  private final KernelMagics kernelMagics;
  private final Inspection inspection;
  private String note; // for the first cell to show

  DogeKernel(Map<String, String> environment, String note) {
    this.note = note;
    session = new Session(Settings.of(environment));
    kernelMagics = new KernelMagics(magics, this);
    inspection = new Inspection(session.shell(), kernelMagics.help());
    renderer
        .createRegistration(Object.class)
        .preferring("text/plain", "text/html", "image/png")
        .register((value, context) -> addForms(value, context.getOutputContainer()));
    Displays.register(DisplayData.class, KernelHost::rendering); // display(render(x, type))
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
    KernelInput input = new KernelInput(((KernelConnection) connection).stdin(), outbox);
    System.setOut(KernelStream.of(outbox, StreamType.OUT));
    System.setErr(KernelStream.of(outbox, StreamType.ERR));
    System.setIn(input);
    connection.setHandler(
        MessageType.EXECUTE_REQUEST, new ExecuteHandler(this, connection, outbox, input)::handle);
    connection.setHandler(
        MessageType.COMPLETE_REQUEST,
        Replies.handler(
            MessageType.COMPLETE_REPLY, new Completion(session.shell(), magicNames())::answer));
    connection.setHandler(
        MessageType.HISTORY_REQUEST, Replies.handler(MessageType.HISTORY_REPLY, history::answer));
  }

  /** The magics of this kernel; register more as in IJava. */
  public Magics getMagics() {
    return magics;
  }

  /** Names of the magics as typed. */
  Set<String> magicNames() {
    return kernelMagics.help().keySet();
  }

  /** Adds a jar or a folder of classes, for the cells to come. */
  public void addToClasspath(String path) {
    session.addToClassPath(Settings.glob(path));
  }

  DisplayData render(Object value) {
    if (value instanceof DisplayData data) {
      return data;
    }
    return value == null || value instanceof String // which the core would show however long
        ? KernelHost.data(Displays.render(value))
        : renderer.render(value);
  }

  /** Runs cell {@code count}; see {@link Session#run}. */
  Object run(String source, int count) throws CellError {
    history.add(count, source);
    if (note != null) {
      System.err.println(note);
      note = null;
    }
    CellMagic magic = MagicSource.cellMagic(source);
    if (magic == null) {
      return session.run(MagicSource.toJava(source), count);
    }
    if (magic.name().equals("time")) {
      long start = System.nanoTime();
      try {
        return session.run(MagicSource.toJava(magic.numberedBody()), count);
      } finally {
        System.out.println(KernelMagics.seconds(start));
      }
    }
    return session.call(
        () -> {
          KernelFunctions.cellMagic(
              magic.name(), MagicSource.split(magic.arguments()), magic.body());
          return Session.NOTHING;
        },
        count);
  }

  /** Runs {@code source} inside the running cell; null stands for no value. */
  Object evaluate(String source) throws Exception {
    Object value = evaluateAny(source);
    return value == Session.NOTHING ? null : value;
  }

  Object evaluateAny(String source) throws CellError {
    return session.evaluate(MagicSource.toJava(source), "eval");
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
  public DisplayData inspect(String code, int at, boolean extraDetail) {
    String text = inspection.at(code, at);
    return text == null ? null : new DisplayData(text);
  }

  @Override
  public String isComplete(String code) {
    return MagicSource.cellMagic(code) != null
        ? IS_COMPLETE_YES
        : session.isComplete(MagicSource.toJava(code));
  }

  Session session() {
    return session;
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
