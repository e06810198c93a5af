package dev.smalldoge.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A header that lies ends in one sentence, whatever the lie. */
class HostileHeaderTest {
  @TempDir Path folder;

  private static byte[] file(long length, String header, int dataBytes) {
    byte[] json = header.getBytes(StandardCharsets.ISO_8859_1);
    ByteBuffer all =
        ByteBuffer.allocate(8 + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    return all.putLong(length).put(json).array();
  }

  private void refused(byte[] bytes, String because) throws IOException {
    Path file = folder.resolve("hostile.safetensors");
    Files.write(file, bytes);
    assertThatThrownBy(() -> Safetensors.open(file))
        .isInstanceOf(DogeException.class)
        .hasMessageStartingWith(file.toString())
        .hasMessageContaining(because);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      textBlock =
"""
{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}              | expected 8 bytes, found 4
{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}             | cut short: tensor "w" expects data up to byte 12, found 8
{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}              | has 8 bytes of data, expected 4
{"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}              | at data offset 4, expected 0
{"w":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}              | expected [begin, end]
{"w":{"dtype":"F32","shape":[2],"data_offsets":[0]}}                | expected [begin, end]
{"w":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}              | dtype "F31"
{"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}             | not a whole number from 0 up (-2)
{"w":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}            | not a whole number from 0 up (2.0)
{"w":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}            | not a whole number from 0 up (STRING)
{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,99999999999999999999]}} | not a whole number
{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}} | more bytes than 64 bits count
{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} | tensor "v" at data offset 0, overlapping "w"
{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"v":{"dtype":"U8","shape":[7],"data_offsets":[1,8]},"u":{"dtype":"F32","shape":[0],"data_offsets":[1,1]}} | unaligned data offset 1
{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}} | names tensor "w" twice
{"w":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}} | says dtype twice
{"w":{"dtype":"F32","shape":[2]}}                                   | lacks dtype, shape or data_offsets
{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"codec":"z"}}  | unknown key "codec"
{"__metadata__":{"a":1},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} | not text
{"__metadata__":{},"__metadata__":{}}                               | two __metadata__
{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}{}            | not the expected JSON (malformed at line 1
{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}               | not the expected JSON
{"w":[1,2]}                                                         | not the expected JSON
{'w':{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}              | not the expected JSON
[1]                                                                 | does not begin with '{'
""")
  void liesAreTold(String header, String because) throws IOException {
    refused(file(header.length(), header, 8), because);
  }

  @Test
  void lengthsAreNotBelieved() throws IOException {
    refused(new byte[0], "has 0 bytes");
    refused(new byte[7], "has 7 bytes");
    refused(file(-1, "{}", 0), "says its header has -1 bytes");
    refused(file(Long.MAX_VALUE, "{}", 0), "says its header has 9223372036854775807 bytes");
    refused(file(3, "{}", 0), "found only 2");
    refused(file(0, "", 0), "says its header has 0 bytes");
    refused(file(6, "{\"\u00ff\":", 0), "header");
    String deep = "{\"w\":" + "[".repeat(100_000);
    refused(file(deep.length(), deep, 0), "not the expected JSON");
  }

  @Test
  void anyDamageIsReadOrToldButNeverWorse() throws IOException {
    Path good = folder.resolve("good.safetensors");
    float[] values = {1, 2, 3, 4};
    SafetensorsWriter.to(good)
        .metadata("format", "pt")
        .addFloats("a", DType.F32, new long[] {2, 2}, () -> FloatBuffer.wrap(values))
        .addFloats("b", DType.BF16, new long[] {4}, () -> FloatBuffer.wrap(values))
        .add("c", DType.U8, new long[] {3}, () -> ByteBuffer.allocate(3))
        .write();
    byte[] bytes = Files.readAllBytes(good);
    Random random = new Random(233);
    String likely = "0123456789[]{}\",:-.eE \\u";
    Path damaged = folder.resolve("damaged.safetensors");
    int told = 0;
    for (int round = 0; round < 4_000; round++) {
      byte[] copy = bytes.clone();
      for (int hits = random.nextInt(3); hits >= 0; hits--) {
        int at = random.nextInt(copy.length);
        copy[at] =
            (byte)
                (random.nextBoolean()
                    ? likely.charAt(random.nextInt(likely.length()))
                    : random.nextInt());
      }
      if (random.nextInt(4) == 0) {
        copy = Arrays.copyOf(copy, random.nextInt(copy.length + 16));
      }
      Files.write(damaged, copy);
      try (Safetensors read = Safetensors.open(damaged)) {
        for (String name : read.names()) {
          assertThat(read.bytes(name).remaining()).isEqualTo((int) read.info(name).byteLength());
        }
      } catch (DogeException e) {
        assertThat(e).hasMessageContaining("damaged.safetensors");
        told++;
      }
    }
    assertThat(told).isBetween(1_000, 3_999);
  }
}
