package dev.smalldoge.cli;

import dev.smalldoge.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Makes a tokenizer, or shows what one does to a text. */
@Command(
    name = "tokenizer",
    description = "Train a tokenizer, or look at one.",
    footer = {
      "",
      "The shipped tokenizer is made, bit for bit, by",
      "  doge tokenizer train state-of-the-union python-stdlib metamath \\",
      "      --vocab-size 4096 --output datasets/shipped/tokenizer"
    })
final class TokenizerCommand {
  @Command(
      name = "train",
      description = "Train byte-level BPE in the layout of the Doge tokenizer.")
  int train(
      @Parameters(
              arity = "1..*",
              paramLabel = "CORPUS",
              description = "a name under --datasets, a folder or a file")
          List<String> corpora,
      @Option(
              names = "--vocab-size",
              defaultValue = "32768",
              description = "ids of it (${DEFAULT-VALUE})")
          int vocabSize,
      @Option(names = "--output", required = true, description = "folder for the three files")
          Path output,
      @Mixin CorpusTextOptions texts) {
    long start = System.nanoTime();
    Tokenizer tokenizer = Tokenizer.train(texts.texts(corpora), vocabSize);
    tokenizer.save(output);
    System.out.printf(
        "%d ids in %.1f s, sha256 %s%n%s%n",
        tokenizer.vocabSize(),
        (System.nanoTime() - start) / 1e9,
        tokenizer.fingerprint(),
        output.resolve("tokenizer.json"));
    return 0;
  }

  @Command(name = "show", description = "Show the tokens of a text, one a line: id, token.")
  int show(
      @Parameters(paramLabel = "TOKENIZER", description = "folder with a tokenizer.json")
          Path folder,
      @Parameters(paramLabel = "TEXT", description = "what it takes apart") String text) {
    Tokenizer tokenizer = Tokenizer.load(folder);
    System.out.println(tokenizer);
    for (int id : tokenizer.encode(text)) {
      System.out.printf("%6d  %s%n", id, tokenizer.token(id));
    }
    return 0;
  }
}
