package dev.smalldoge.train;

import dev.smalldoge.config.DogeException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.List;
import java.util.Locale;
import java.util.zip.CRC32C;

/**
 * Writes every step and evaluation into an event file that TensorBoard reads, flushed at once.
 *
 * <p>A file is a row of records: length (8 bytes, little-endian), its masked CRC-32C, an Event
 * message, and that message's masked CRC-32C. Tags are {@code train/loss}, {@code train/gradNorm},
 * {@code train/learningRate}, {@code train/tokensPerSecond}, {@code train/auxLoss} with experts,
 * {@code eval/loss}, and one for each extra figure. The step of a figure is its number of updates.
 * A run that goes on opens another file, and tells TensorBoard to drop what comes after its start.
 *
 * <p>Off unless {@link #writeForEveryRun} was called; or {@code doge … --tensorboard}. Source:
 * TensorFlow's {@code record_writer} and {@code event.proto}.
 */
public final class TensorBoardLog implements TrainingListener {
  private static final int MASK = 0xa282ead8;
  private static volatile boolean everyRun;

  private final Path file;
  private final Clock clock;

  /**
   * A log in a new file of {@code folder}, which is made.
   *
   * @param firstStep updates done before
   */
  public TensorBoardLog(Path folder, long firstStep) {
    this(folder, firstStep, Clock.systemUTC());
  }

  TensorBoardLog(Path folder, long firstStep, Clock clock) {
    this.clock = clock;
    this.file = newFile(folder);
    append(event(0).text(3, "brain.Event:2"));
    append(event(firstStep).message(7, new Message().varint(1, 1))); // a session that starts
  }

  /** Whether every run of this process writes event files beside its metrics; off at first. */
  public static void writeForEveryRun(boolean on) {
    everyRun = on;
  }

  /** The log of a run in its folder's {@code tensorboard}, if the switch is on. */
  static List<TrainingListener> ifAsked(Path folder, long firstStep) {
    return everyRun
        ? List.of(new TensorBoardLog(folder.resolve("tensorboard"), firstStep))
        : List.of();
  }

  private Path newFile(Path folder) {
    try {
      Files.createDirectories(folder);
      long second = clock.millis() / 1000;
      for (int number = 0; ; number++) {
        String name = String.format(Locale.ROOT, "events.out.tfevents.%010d.doge", second);
        Path candidate = folder.resolve(number == 0 ? name : name + "." + number);
        if (!Files.exists(candidate)) {
          return Files.createFile(candidate);
        }
      }
    } catch (IOException e) {
      throw new DogeException(
          "Cannot create an event file in " + folder + " (" + e.getMessage() + "); choose another",
          e);
    }
  }

  @Override
  public void stepped(StepMetrics m) {
    Message summary =
        new Message()
            .message(1, scalar("train/loss", m.loss()))
            .message(1, scalar("train/gradNorm", m.gradNorm()))
            .message(1, scalar("train/learningRate", m.learningRate()))
            .message(1, scalar("train/tokensPerSecond", m.tokensPerSecond()));
    if (m.auxLoss() != 0) {
      summary.message(1, scalar("train/auxLoss", m.auxLoss()));
    }
    m.extra().forEach((name, value) -> summary.message(1, scalar("train/" + name, value)));
    append(event(m.step() + 1).message(5, summary));
  }

  @Override
  public void evaluated(EvaluationMetrics m) {
    Message summary = new Message().message(1, scalar("eval/loss", m.loss()));
    m.extra().forEach((name, value) -> summary.message(1, scalar("eval/" + name, value)));
    append(event(m.step()).message(5, summary));
  }

  private static Message scalar(String tag, double value) {
    return new Message().text(1, tag).float32(2, (float) value);
  }

  private Message event(long step) {
    return new Message().float64(1, clock.millis() / 1e3).varint(2, step);
  }

  private synchronized void append(Message event) {
    byte[] body = event.bytes();
    ByteBuffer record = ByteBuffer.allocate(8 + 4 + body.length + 4).order(ByteOrder.LITTLE_ENDIAN);
    record.putLong(body.length).putInt(maskedCrc(record.array(), 8));
    record.put(body).putInt(maskedCrc(body, body.length));
    try {
      Files.write(file, record.array(), StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new DogeException(
          "Cannot write " + file + " (" + e.getMessage() + "); free space or choose another folder",
          e);
    }
  }

  /** CRC-32C, turned right by 15 bits and moved by a constant, so that a CRC has another CRC. */
  static int maskedCrc(byte[] bytes, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, length);
    return Integer.rotateRight((int) crc.getValue(), 15) + MASK;
  }

  /** A Protocol Buffers message of a few fields. */
  private static final class Message {
    private static final int VARINT = 0;
    private static final int FIXED64 = 1;
    private static final int BYTES = 2;
    private static final int FIXED32 = 5;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    Message varint(int field, long value) {
      key(field, VARINT);
      raw(value);
      return this;
    }

    Message float64(int field, double value) {
      key(field, FIXED64);
      out.writeBytes(little(8).putDouble(value).array());
      return this;
    }

    Message float32(int field, float value) {
      key(field, FIXED32);
      out.writeBytes(little(4).putFloat(value).array());
      return this;
    }

    Message text(int field, String value) {
      return bytes(field, value.getBytes(StandardCharsets.UTF_8));
    }

    Message message(int field, Message value) {
      return bytes(field, value.bytes());
    }

    byte[] bytes() {
      return out.toByteArray();
    }

    private Message bytes(int field, byte[] value) {
      key(field, BYTES);
      raw(value.length);
      out.writeBytes(value);
      return this;
    }

    private void key(int field, int wire) {
      raw(((long) field << 3) | wire);
    }

    private void raw(long value) {
      long left = value;
      while ((left & ~0x7fL) != 0) {
        out.write((int) ((left & 0x7f) | 0x80));
        left >>>= 7;
      }
      out.write((int) left);
    }

    private static ByteBuffer little(int bytes) {
      return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
  }
}
