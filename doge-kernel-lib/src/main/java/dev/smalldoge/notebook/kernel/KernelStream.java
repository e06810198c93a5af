package dev.smalldoge.notebook.kernel;

import io.github.spencerpark.jupyter.messages.publish.PublishStream.StreamType;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** System.out or System.err of a cell: every write goes to the notebook at once. */
final class KernelStream extends OutputStream {
  private final Outbox outbox;
  private final StreamType type;
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);
  private final ByteBuffer pending = ByteBuffer.allocate(8); // the start of a split character

  private KernelStream(Outbox outbox, StreamType type) {
    this.outbox = outbox;
    this.type = type;
  }

  static PrintStream of(Outbox outbox, StreamType type) {
    return new PrintStream(new KernelStream(outbox, type), true, StandardCharsets.UTF_8);
  }

  @Override
  public void write(int b) {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public synchronized void write(byte[] bytes, int offset, int length) {
    ByteBuffer in = ByteBuffer.allocate(pending.position() + length);
    pending.flip();
    in.put(pending).put(bytes, offset, length).flip();
    pending.clear();
    CharBuffer out = CharBuffer.allocate(in.remaining() + 1);
    decoder.decode(in, out, false);
    pending.put(in);
    outbox.print(type, out.flip().toString());
  }
}
