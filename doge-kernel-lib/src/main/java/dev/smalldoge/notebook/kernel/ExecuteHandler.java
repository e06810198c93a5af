package dev.smalldoge.notebook.kernel;

import dev.smalldoge.notebook.display.Displays;
import io.github.spencerpark.jupyter.channels.JupyterConnection;
import io.github.spencerpark.jupyter.channels.JupyterSocket;
import io.github.spencerpark.jupyter.channels.ShellChannel;
import io.github.spencerpark.jupyter.channels.ShellHandler;
import io.github.spencerpark.jupyter.channels.ShellReplyEnvironment;
import io.github.spencerpark.jupyter.messages.Message;
import io.github.spencerpark.jupyter.messages.publish.PublishError;
import io.github.spencerpark.jupyter.messages.publish.PublishExecuteInput;
import io.github.spencerpark.jupyter.messages.publish.PublishExecuteResult;
import io.github.spencerpark.jupyter.messages.reply.ErrorReply;
import io.github.spencerpark.jupyter.messages.reply.ExecuteReply;
import io.github.spencerpark.jupyter.messages.request.ExecuteRequest;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.zeromq.ZMQ;

/** Answers the request to run a cell, and drops the cells that wait behind a failed one. */
final class ExecuteHandler {
  private final DogeKernel kernel;
  private final JupyterConnection connection;
  private final Session session;
  private final Outbox outbox;
  private final KernelInput input;

  ExecuteHandler(
      DogeKernel kernel, JupyterConnection connection, Outbox outbox, KernelInput input) {
    this.kernel = kernel;
    this.connection = connection;
    this.session = kernel.session();
    this.outbox = outbox;
    this.input = input;
  }

  /** Runs one cell; called on the shell thread, which nothing ever interrupts. */
  void handle(ShellReplyEnvironment reply, Message<ExecuteRequest> message) {
    ExecuteRequest request = message.getContent();
    boolean counts = request.shouldStoreHistory() && !request.isSilent();
    int count = counts ? kernel.nextCount() : kernel.count();
    reply.setStatusBusy();
    if (!request.isSilent()) {
      reply.publish(new PublishExecuteInput(request.getCode(), count));
    }
    outbox.attach(reply);
    input.enable(request.isStdinEnabled());
    try {
      Object value = kernel.run(request.getCode(), count);
      if (value != Session.NOTHING && !request.isSilent()) {
        outbox.publish(
            new PublishExecuteResult(count, session.call(() -> kernel.render(value), count)));
      }
      Map<String, ?> expressions = expressions(request.getUserExpr(), count);
      outbox.flush();
      Replies.send(
          reply,
          ExecuteReply.MESSAGE_TYPE,
          Map.of("status", "ok", "execution_count", count, "user_expressions", expressions));
      if (session.interrupter().interrupted()) {
        abortWaiting(reply.getShell());
      }
    } catch (CellError e) {
      fail(reply, request, count, e);
    } catch (RuntimeException | Error e) { // a defect of the kernel itself: tell it, and live on
      fail(reply, request, count, new CellError(e.getClass().getName(), "" + e, List.of("" + e)));
    } finally {
      reply.setStatusIdle();
    }
  }

  private void fail(
      ShellReplyEnvironment reply, ExecuteRequest request, int count, CellError error) {
    if (!request.isSilent()) {
      outbox.publish(new PublishError(error.name(), error.getMessage(), error.lines()));
    }
    outbox.flush();
    ErrorReply content = new ErrorReply(error.name(), error.getMessage(), error.lines());
    content.setExecutionCount(count);
    reply.replyError(ExecuteReply.MESSAGE_TYPE.error(), content);
    if (request.shouldStopOnError()) {
      abortWaiting(reply.getShell());
    }
  }

  private Map<String, ?> expressions(Map<String, String> asked, int count) {
    Map<String, Map<String, ?>> answers = new LinkedHashMap<>();
    if (asked != null) {
      asked.forEach((name, source) -> answers.put(name, expression(source, count)));
    }
    return answers;
  }

  private Map<String, ?> expression(String source, int count) {
    try {
      Object value = session.evaluate(source, "expression");
      Object shown = value == Session.NOTHING ? "" : value;
      Map<String, String> data = session.call(() -> Displays.render(shown).data(), count);
      return Map.of("status", "ok", "data", data, "metadata", Map.of());
    } catch (CellError e) {
      return Map.of(
          "status", "error", "ename", e.name(), "evalue", e.getMessage(), "traceback", e.lines());
    }
  }

  /** Answers "aborted" to every cell that is already waiting, as "run all" expects. */
  @SuppressWarnings({"unchecked", "rawtypes"}) // the core keeps handlers of every type in one map
  private void abortWaiting(JupyterSocket shell) {
    while ((shell.getEvents() & ZMQ.Poller.POLLIN) != 0) {
      Message message = shell.readMessage();
      ShellReplyEnvironment reply = connection.prepareReplyEnv((ShellChannel) shell, message);
      if (message.getContent() instanceof ExecuteRequest) {
        reply.setStatusBusy();
        reply.reply(new Message(message, ExecuteReply.MESSAGE_TYPE, Map.of("status", "aborted")));
        reply.setStatusIdle();
        continue;
      }
      ShellHandler handler = connection.getHandler(message.getHeader().getType());
      if (handler != null) {
        try {
          handler.handle(reply, message);
        } catch (Exception e) {
          Main.log("cannot answer " + message.getHeader().getType() + ": " + e);
        } finally {
          reply.resolveDeferrals();
        }
      }
    }
  }
}
