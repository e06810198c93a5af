package dev.smalldoge.data;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.Gson;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.io.DType;
import dev.smalldoge.io.SafetensorsWriter;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes a {@link TokenFile} document by document, in constant memory: ids, index and mask go to
 * files of their own beside the target, and {@link #finish} joins them.
 *
 * <p>Example: {@code try (var writer = new TokenFileWriter(file, tokenizer, false)) {
 * writer.source("speeches"); writer.append(ids, null, 120); writer.finish(); }}; without {@code
 * finish} nothing is left behind.
 */
public final class TokenFileWriter implements AutoCloseable {
  private static final int CHUNK = 1 << 16;
  private final Path file;
  private final Tokenizer tokenizer;
  private final DType dtype;
  private final List<SourceShare> sources = new ArrayList<>();
  private final Part ids;
  private final Part index;
  private final Part text;
  private final Part mask;
  private long tokens;
  private long documents;
  private long textBytes;
  private boolean referenceSplit;

  /** One of the file's arrays while it grows. */
  private static final class Part {
    final Path path;
    final OutputStream out;
    final ByteBuffer chunk = ByteBuffer.allocate(CHUNK).order(ByteOrder.LITTLE_ENDIAN);

    Part(Path file, String name) throws IOException {
      path = file.resolveSibling(file.getFileName() + "." + name + ".part");
      out = Files.newOutputStream(path); // chunk is its buffer: closing it writes nothing
    }

    ByteBuffer room(int bytes) throws IOException {
      if (chunk.remaining() < bytes) {
        flush();
      }
      return chunk;
    }

    void flush() throws IOException {
      out.write(chunk.array(), 0, chunk.position());
      chunk.clear();
    }

    void copyTo(WritableByteChannel target) throws IOException {
      try (FileChannel channel = FileChannel.open(path)) {
        ByteBuffer bytes = ByteBuffer.allocate(1 << 20);
        while (channel.read(bytes.clear()) >= 0) {
          target.write(bytes.flip());
        }
      }
    }

    void delete() throws IOException {
      out.close();
      Files.deleteIfExists(path);
    }
  }

  /**
   * Begins a file.
   *
   * @param file its name, which must end in {@code .safetensors}; folders are made
   * @param masked whether some tokens are not learned
   * @throws DogeException if it cannot be written there
   */
  public TokenFileWriter(Path file, Tokenizer tokenizer, boolean masked) {
    check(
        file.getFileName().toString().endsWith(".safetensors"),
        "%s is no name for a token file; end it in %s",
        file,
        TokenFile.ENDING);
    this.file = file.toAbsolutePath();
    this.tokenizer = tokenizer;
    this.dtype = tokenizer.vocabSize() <= 1 << 16 ? DType.U16 : DType.I32;
    try {
      Files.createDirectories(this.file.getParent());
      this.ids = new Part(this.file, "ids");
      this.index = new Part(this.file, "documents");
      this.text = new Part(this.file, "text");
      this.mask = masked ? new Part(this.file, "trained") : null;
      index.room(8).putLong(0);
      text.room(8).putLong(0);
    } catch (IOException e) {
      throw refuse(e);
    }
  }

  /** Has documents of this file held out as the reference does, see {@link ReferenceSplit}. */
  void splitAsReference() {
    referenceSplit = true;
  }

  /** Begins another source: the documents that follow are its. */
  public void source(String name) {
    check(
        sources.stream().noneMatch(source -> source.name().equals(name)),
        "source \"%s\" was written before; give each source another name",
        name);
    sources.add(new SourceShare(name, 0, 0, 0));
  }

  /**
   * Adds a document to the latest source.
   *
   * @param document its ids, all of them, with BOS and EOS where they are wanted
   * @param trained which of them are learned, or null for all; needs a masked file
   * @param bytes UTF-8 bytes of its text
   * @throws DogeException if an id is outside the vocabulary, it is empty, or writing fails
   */
  public void append(int[] document, boolean[] trained, long bytes) {
    check(!sources.isEmpty(), "no source was begun; call source(name) first");
    check(document.length > 0, "a document has no tokens; leave it out");
    check(
        trained == null || (mask != null && trained.length == document.length),
        "a mask of %d does not fit %d tokens of a file %s mask",
        trained == null ? 0 : trained.length,
        document.length,
        mask == null ? "without" : "with");
    try {
      putIds(document);
      for (int i = 0; mask != null && i < document.length; i++) {
        mask.room(1).put((byte) (trained == null || trained[i] ? 1 : 0));
      }
      tokens += document.length;
      documents++;
      index.room(8).putLong(tokens);
      textBytes += bytes;
      text.room(8).putLong(textBytes);
    } catch (IOException e) {
      throw refuse(e);
    }
    int last = sources.size() - 1;
    SourceShare share = sources.get(last);
    sources.set(
        last,
        new SourceShare(
            share.name(),
            share.documents() + 1,
            share.tokens() + document.length,
            share.textBytes() + bytes));
  }

  private void putIds(int[] document) throws IOException {
    int vocabSize = tokenizer.vocabSize();
    for (int id : document) {
      if (id < 0 || id >= vocabSize) { // no check(): it would box every id
        throw new DogeException(
            String.format(
                "token id %d is outside the vocabulary of %d; use the tokenizer that made it",
                id, vocabSize));
      }
    }
    int bytes = dtype.bytes();
    for (int from = 0; from < document.length; ) {
      ByteBuffer room = ids.room(bytes);
      int to = from + Math.min(room.remaining() / bytes, document.length - from);
      for (; from < to; from++) {
        if (bytes == 2) {
          room.putShort((short) document[from]);
        } else {
          room.putInt(document[from]);
        }
      }
    }
  }

  /**
   * Joins the arrays under the final name and opens the file.
   *
   * @throws DogeException if there are no documents, or writing fails
   */
  public TokenFile finish() {
    check(documents > 0, "%s would hold no documents; give a corpus with rows", file);
    try {
      for (Part part : parts()) {
        part.flush();
        part.out.close();
      }
    } catch (IOException e) {
      throw refuse(e);
    }
    SafetensorsWriter writer =
        SafetensorsWriter.to(file)
            .metadata("format", TokenFile.FORMAT)
            .metadata("tokenizer", tokenizer.fingerprint())
            .metadata("vocab_size", Integer.toString(tokenizer.vocabSize()))
            .metadata("pad_token_id", Integer.toString(tokenizer.padTokenId()))
            .metadata("sources", new Gson().toJson(sources))
            .metadata(TokenFile.SPLIT, referenceSplit ? TokenFile.REFERENCE : TokenFile.SEEDED)
            .addPayload(TokenFile.DOCUMENTS, DType.I64, new long[] {documents + 1}, index::copyTo)
            .addPayload(TokenFile.TEXT, DType.I64, new long[] {documents + 1}, text::copyTo)
            .addPayload(TokenFile.IDS, dtype, new long[] {tokens}, ids::copyTo);
    if (mask != null) {
      writer.addPayload(TokenFile.TRAINED, DType.BOOL, new long[] {tokens}, mask::copyTo);
    }
    writer.write();
    close();
    return TokenFile.open(file);
  }

  private List<Part> parts() {
    return mask == null ? List.of(ids, index, text) : List.of(ids, index, text, mask);
  }

  /** Deletes what was not finished. */
  @Override
  public void close() {
    try {
      for (Part part : parts()) {
        part.delete();
      }
    } catch (IOException e) {
      throw refuse(e);
    }
  }

  /**
   * Has an epoch take {@code used} documents from the latest source, so that it is repeated where
   * it has fewer.
   */
  void repeat(long used) {
    int last = sources.size() - 1;
    SourceShare share = sources.get(last);
    check(
        share.documents() > 0 && used >= share.documents(),
        "source \"%s\" has %d documents, of which %d cannot be used",
        share.name(),
        share.documents(),
        used);
    sources.set(
        last,
        new SourceShare(share.name(), share.documents(), share.tokens(), share.textBytes(), used));
  }

  private DogeException refuse(IOException e) {
    return new DogeException(
        String.format(
            "%s could not be written (%s); nothing under that name was changed, free some room or"
                + " choose another folder",
            file, e instanceof FileSystemException ? e : e.getMessage()),
        e);
  }
}
