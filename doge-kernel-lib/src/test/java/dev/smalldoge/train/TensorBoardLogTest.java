package dev.smalldoge.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is written is read back by the rules of the format, checksums included. */
class TensorBoardLogTest {
  private static final Clock NOON =
      Clock.fixed(Instant.ofEpochMilli(1_700_000_000_500L), ZoneOffset.UTC);

  @TempDir private Path folder;

  /** Lines such as {@code step 3: train/loss = 2.5} of an event file. */
  private static List<String> read(Path file) throws IOException {
    List<String> events = new ArrayList<>();
    ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    while (in.hasRemaining()) {
      byte[] length = new byte[8];
      in.get(length);
      assertThat(in.getInt()).isEqualTo(TensorBoardLog.maskedCrc(length, 8));
      byte[] body =
          new byte[(int) ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong()];
      in.get(body);
      assertThat(in.getInt()).isEqualTo(TensorBoardLog.maskedCrc(body, body.length));
      events.addAll(event(ByteBuffer.wrap(body).order(ByteOrder.LITTLE_ENDIAN)));
    }
    return events;
  }

  private static List<String> event(ByteBuffer in) {
    long step = -1;
    List<String> found = new ArrayList<>();
    while (in.hasRemaining()) {
      switch (in.get()) {
        case (1 << 3) | 1 -> assertThat(in.getDouble()).isEqualTo(1_700_000_000.5);
        case 2 << 3 -> step = varint(in);
        case (3 << 3) | 2 -> found.add("version " + text(part(in)));
        case (5 << 3) | 2 -> found.addAll(summary(part(in)));
        case (7 << 3) | 2 -> found.add("session " + part(in).get(1));
        default -> throw new AssertionError("unknown field");
      }
    }
    String at = "step " + step + ": ";
    return found.stream().map(at::concat).toList();
  }

  private static List<String> summary(ByteBuffer in) {
    List<String> values = new ArrayList<>();
    while (in.hasRemaining()) {
      assertThat(in.get()).isEqualTo((byte) ((1 << 3) | 2));
      ByteBuffer value = part(in);
      assertThat(value.get()).isEqualTo((byte) ((1 << 3) | 2));
      String tag = text(part(value));
      assertThat(value.get()).isEqualTo((byte) ((2 << 3) | 5));
      values.add(tag + " = " + value.getFloat());
    }
    return values;
  }

  private static long varint(ByteBuffer in) {
    long value = 0;
    for (int shift = 0; ; shift += 7) {
      byte next = in.get();
      value |= (next & 0x7fL) << shift;
      if (next >= 0) {
        return value;
      }
    }
  }

  private static ByteBuffer part(ByteBuffer in) {
    int length = (int) varint(in);
    ByteBuffer part = in.slice(in.position(), length).order(ByteOrder.LITTLE_ENDIAN);
    in.position(in.position() + length);
    return part;
  }

  private static String text(ByteBuffer in) {
    return StandardCharsets.UTF_8.decode(in).toString();
  }

  @Test
  void stepsAndEvaluationsAreReadBack() throws IOException {
    TensorBoardLog log = new TensorBoardLog(folder, 0, NOON);
    log.stepped(
        new StepMetrics(
            299, 400, 2.5, 0, 0.75, 8e-3, 31, 93, 1_000, 1, 0, Map.of("accuracy", 0.5)));
    log.stepped(new StepMetrics(300, 400, 2.25, 1.5, 0.5, 4e-3, 31, 124, 900, 2, 0, Map.of()));
    log.evaluated(new EvaluationMetrics(301, 2.125, 50));
    assertThat(read(folder.resolve("events.out.tfevents.1700000000.doge")))
        .containsExactly(
            "step 0: version brain.Event:2",
            "step 0: session 1",
            "step 300: train/loss = 2.5",
            "step 300: train/gradNorm = 0.75",
            "step 300: train/learningRate = 0.008",
            "step 300: train/tokensPerSecond = 1000.0",
            "step 300: train/accuracy = 0.5",
            "step 301: train/loss = 2.25",
            "step 301: train/gradNorm = 0.5",
            "step 301: train/learningRate = 0.004",
            "step 301: train/tokensPerSecond = 900.0",
            "step 301: train/auxLoss = 1.5",
            "step 301: eval/loss = 2.125");
  }

  @Test
  void aRunThatGoesOnOpensAnotherFile() throws IOException {
    new TensorBoardLog(folder, 0, NOON);
    new TensorBoardLog(folder, 25, NOON);
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).hasSize(2);
    }
    assertThat(read(folder.resolve("events.out.tfevents.1700000000.doge.1")))
        .containsExactly("step 0: version brain.Event:2", "step 25: session 1");
  }

  /** RFC 3720 gives CRC-32C of 32 zero bytes as 8a9136aa; TensorFlow turns and adds. */
  @Test
  void checksumsAreTensorFlows() {
    assertThat(TensorBoardLog.maskedCrc(new byte[32], 32))
        .isEqualTo(Integer.rotateRight(0x8a9136aa, 15) + 0xa282ead8);
  }

  @Test
  void offUnlessAsked() {
    assertThat(TensorBoardLog.ifAsked(folder, 0)).isEmpty();
    TensorBoardLog.writeForEveryRun(true);
    try {
      assertThat(TensorBoardLog.ifAsked(folder, 0)).hasSize(1);
      assertThat(folder.resolve("tensorboard")).isDirectoryContaining("glob:**tfevents*");
    } finally {
      TensorBoardLog.writeForEveryRun(false);
    }
  }
}
