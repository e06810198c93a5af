package dev.smalldoge.notebook.kernel;

import io.github.spencerpark.jupyter.channels.ShellHandler;
import io.github.spencerpark.jupyter.channels.ShellReplyEnvironment;
import io.github.spencerpark.jupyter.messages.Message;
import io.github.spencerpark.jupyter.messages.MessageType;
import io.github.spencerpark.jupyter.messages.reply.ErrorReply;
import java.util.Map;
import java.util.function.Function;

/** Replies with contents of our own making, where the core's classes lack a field. */
final class Replies {
  private Replies() {}

  /** Answers {@code message} with {@code content}, under the type {@code type}. */
  @SuppressWarnings({"unchecked", "rawtypes"}) // the core ties a type to one content class
  static void send(ShellReplyEnvironment reply, MessageType<?> type, Map<String, ?> content) {
    reply.reply(new Message(reply.getContext(), type, content));
  }

  /** A handler that answers every request with what {@code answer} makes of it. */
  static <T> ShellHandler<T> handler(MessageType<?> type, Function<T, Map<String, ?>> answer) {
    return (reply, message) -> {
      reply.setStatusBusy();
      try {
        send(reply, type, answer.apply(message.getContent()));
      } catch (RuntimeException | Error e) { // a failed Tab must not end the kernel
        Main.log("cannot answer: " + e);
        reply.replyError(type.error(), new ErrorReply(e.getClass().getName(), "" + e, null));
      } finally {
        reply.setStatusIdle();
      }
    };
  }
}
