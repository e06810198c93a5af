package dev.smalldoge.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsTest {
  @TempDir Path folder;

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private SafetensorsWriter sample(Path target) {
    float[] values = {0, -1.5f, 3.1415927f, 1e-3f, Float.POSITIVE_INFINITY, 65_504};
    return SafetensorsWriter.to(target)
        .metadata("format", "pt")
        .metadata("note", "ä \"quoted\"")
        .addFloats("b.half", DType.BF16, new long[] {2, 3}, () -> FloatBuffer.wrap(values))
        .addFloats("a.half", DType.F16, new long[] {6}, () -> FloatBuffer.wrap(values))
        .add("flag", DType.BOOL, new long[] {3}, () -> ByteBuffer.wrap(new byte[] {1, 0, 1}))
        .addFloats("full", DType.F32, new long[] {3, 2}, () -> FloatBuffer.wrap(values))
        .add(
            "ids",
            DType.I64,
            new long[] {2},
            () -> littleEndian(16).putLong(-100).putLong(32_767).flip())
        .add("scalar", DType.F64, new long[0], () -> littleEndian(8).putDouble(0.1).flip())
        .add("nothing", DType.I32, new long[] {0, 4}, () -> littleEndian(0));
  }

  private Path file() {
    return folder.resolve("x.safetensors");
  }

  @Test
  void whatIsWrittenIsRead() throws IOException {
    sample(file()).write();
    try (Safetensors read = Safetensors.open(file())) {
      assertThat(read.names())
          .containsExactly("ids", "scalar", "full", "nothing", "b.half", "a.half", "flag");
      assertThat(read.metadata())
          .containsEntry("format", "pt")
          .containsEntry("note", "ä \"quoted\"");
      assertThat(read.info("full").shape()).containsExactly(3, 2);
      assertThat(read.info("scalar").shape()).isEmpty();
      assertThat(read.info("nothing").byteLength()).isZero();
      assertThat(read.bytes("nothing").remaining()).isZero();
      assertThat(read.floats("full").get(2)).isEqualTo(3.1415927f);
      assertThat(read.floats("b.half").get(2)).isEqualTo(3.140625f);
      assertThat(read.floats("a.half").get(2)).isEqualTo(3.140625f);
      assertThat(read.floats("a.half").get(5)).isEqualTo(65_504);
      assertThat(read.floats("b.half").get(4)).isInfinite();
      assertThat(read.doubles("scalar")).containsExactly(0.1);
      assertThat(read.longs("ids").get(0)).isEqualTo(-100);
      assertThat(read.longs("flag").get(2)).isOne();
      ByteBuffer bytes = read.bytes("full");
      assertThat(bytes.isDirect()).isTrue();
      assertThat(bytes.isReadOnly()).isTrue();
      assertThat(bytes.position()).isZero();
      assertThat(bytes.order()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
    }
    long header =
        ByteBuffer.wrap(Files.readAllBytes(file())).order(ByteOrder.LITTLE_ENDIAN).getLong();
    assertThat(header % 8).isZero();
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(file());
    }
  }

  @Test
  void longTensorsAreWrittenAndReadInChunks() {
    float[] values = new float[100_003]; // no multiple of any chunk
    for (int i = 0; i < values.length; i++) {
      values[i] = HalfFloats.fromBf16((short) i); // BF16 holds these exactly
    }
    for (DType dtype : List.of(DType.F32, DType.BF16, DType.F16)) {
      SafetensorsWriter.to(file())
          .addFloats("w", dtype, new long[] {values.length}, () -> FloatBuffer.wrap(values))
          .write();
      try (Safetensors read = Safetensors.open(file())) {
        FloatBuffer floats = read.floats("w");
        assertThat(floats.remaining()).isEqualTo(values.length);
        for (int i = 0; i < values.length; i++) {
          float expected =
              dtype == DType.F16 ? HalfFloats.fromF16(HalfFloats.toF16(values[i])) : values[i];
          assertThat(Float.compare(floats.get(i), expected)).as("%s %d", dtype, i).isZero();
        }
      }
    }
  }

  @Test
  void bytesAreTheSameEveryTime() throws IOException {
    sample(file()).write();
    Path again = folder.resolve("y.safetensors");
    sample(again).write();
    assertThat(again).hasSameBinaryContentAs(file());
  }

  @Test
  void shardsAndTheirIndexReadAsOne() {
    Path model = folder.resolve("model");
    sample(model).maxShardBytes(30).write();
    assertThat(model.resolve(Safetensors.INDEX)).exists();
    assertThat(model.resolve("model-00001-of-00003.safetensors")).exists();
    try (Safetensors read = Safetensors.open(model)) {
      assertThat(read.names()).hasSize(7);
      assertThat(read.floats("b.half").get(1)).isEqualTo(-1.5f);
      assertThat(read.info("flag").file().getFileName())
          .hasToString("model-00003-of-00003.safetensors");
    }
    assertThatThrownBy(() -> sample(model).write())
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("would contradict");
  }

  @Test
  void shardsThatContradictTheirIndexAreRefused() throws IOException {
    Path model = folder.resolve("model");
    sample(model).maxShardBytes(30).write();
    Path index = model.resolve(Safetensors.INDEX);
    String json = Files.readString(index);
    Files.writeString(index, json.replace("\"ids\"", "\"idz\""));
    assertThatThrownBy(() -> Safetensors.open(model)).hasMessageContaining("\"idz\"");
    Files.writeString(index, json.replace("\"model-00003", "\"../model-00003"));
    assertThatThrownBy(() -> Safetensors.open(model)).hasMessageContaining("plain name");
    Files.writeString(index, json.replaceAll(" *\"flag\".*\n", "").replaceAll(",\\s*}", "}"));
    assertThatThrownBy(() -> Safetensors.open(model)).hasMessageContaining("does not list");
    Files.writeString(index, json);
    Files.delete(model.resolve("model-00002-of-00003.safetensors"));
    assertThatThrownBy(() -> Safetensors.open(model)).hasMessageContaining("does not exist");
  }

  @Test
  void aClosedReaderRefusesAndItsBuffersLiveOn() {
    sample(file()).write();
    Safetensors read = Safetensors.open(file());
    FloatBuffer kept = read.floats("full");
    read.close();
    assertThat(kept.get(1)).isEqualTo(-1.5f);
    assertThatThrownBy(() -> read.bytes("full"))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("is closed");
  }

  @Test
  void wrongNamesAndTypesAreTold() {
    sample(file()).write();
    try (Safetensors read = Safetensors.open(file())) {
      assertThatThrownBy(() -> read.info("fill")).hasMessageContaining("did you mean \"full\"?");
      assertThatThrownBy(() -> read.floats("ids")).hasMessageContaining("is I64, expected F32");
      assertThatThrownBy(() -> read.longs("full")).hasMessageContaining("is F32, expected whole");
    }
    assertThatThrownBy(() -> Safetensors.open(folder)).hasMessageContaining("has neither");
    assertThatThrownBy(() -> Safetensors.open(folder.resolve("no.safetensors")))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("does not exist");
  }

  @Test
  void aPayloadOfTheWrongSizeLeavesTheOldFile() throws IOException {
    sample(file()).write();
    byte[] before = Files.readAllBytes(file());
    for (int bytes : List.of(0, 8, 16)) {
      SafetensorsWriter wrong =
          SafetensorsWriter.to(file())
              .add("w", DType.F32, new long[] {3}, () -> littleEndian(bytes));
      assertThatThrownBy(wrong::write)
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("takes 12 bytes, but was given " + bytes);
    }
    SafetensorsWriter failing =
        SafetensorsWriter.to(file())
            .addPayload(
                "w",
                DType.F32,
                new long[] {3},
                out -> {
                  throw new IOException("No space left on device");
                });
    assertThatThrownBy(failing::write)
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("No space left on device")
        .hasMessageContaining("bytes left");
    SafetensorsWriter huge =
        SafetensorsWriter.to(file())
            .add("w", DType.F32, new long[] {1L << 60}, () -> littleEndian(0));
    assertThatThrownBy(huge::write).hasMessageContaining("but the disk has");
    assertThat(Files.readAllBytes(file())).isEqualTo(before);
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(file());
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX) // /dev/full is the full disk
  void aFullDiskIsToldAndLeavesTheOldFile() throws IOException {
    sample(file()).write();
    byte[] before = Files.readAllBytes(file());
    Files.createSymbolicLink(folder.resolve("x.safetensors.part"), Path.of("/dev/full"));
    assertThatThrownBy(() -> sample(file()).write())
        .isInstanceOf(DogeException.class)
        .hasMessageStartingWith(file() + " could not be written (No space left on device)");
    assertThat(Files.readAllBytes(file())).isEqualTo(before);
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(file());
    }
  }

  @Test
  void filesBeyondTwoGibAreReadByParts() throws IOException {
    long each = 1_500_000_000;
    String json =
        String.format(
            "{\"a\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]},"
                + "\"b\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[%d,%d]},"
                + "\"c\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[%d,%d]}}",
            each, each, each, each, 2 * each, 2 * each, 2 * each, 4 * each);
    try (RandomAccessFile sparse = new RandomAccessFile(file().toFile(), "rw")) {
      sparse.writeLong(Long.reverseBytes(json.length()));
      sparse.write(json.getBytes(StandardCharsets.UTF_8));
      long data = sparse.getFilePointer();
      sparse.seek(data + each);
      sparse.write(7);
      sparse.setLength(data + 4 * each);
    }
    try (Safetensors read = Safetensors.open(file())) {
      assertThat(read.bytes("b").get(0)).isEqualTo((byte) 7);
      assertThat(read.bytes("a").get((int) each - 1)).isZero();
      assertThatThrownBy(() -> read.bytes("c"))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("tensor \"c\" has 3000000000 bytes, and one buffer holds less");
    }
  }

  @Test
  void anInterruptedThreadStillWritesWhole() {
    Thread.currentThread().interrupt();
    try {
      sample(file()).write();
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
    try (Safetensors read = Safetensors.open(file())) {
      assertThat(read.names()).hasSize(7);
    }
  }

  @Test
  void aHeaderWithoutPaddingIsReadAligned() throws IOException {
    byte[] json =
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"
            .getBytes(StandardCharsets.UTF_8);
    assertThat(json.length % 4).isNotZero();
    ByteBuffer all = ByteBuffer.allocate(8 + json.length + 8).order(ByteOrder.LITTLE_ENDIAN);
    all.putLong(json.length).put(json).putFloat(1).putFloat(2);
    Files.write(file(), all.array());
    try (Safetensors read = Safetensors.open(file())) {
      assertThat(read.floats("w").get(1)).isEqualTo(2);
    }
  }
}
