package dev.smalldoge.data;

import dev.smalldoge.config.Home;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Finds the corpora that a recipe names, and the test splits beside them. */
final class RecipeCorpora {
  private static final String TEST = "-test";
  private final String folder;
  private final boolean skippingBadRows;

  /**
   * Looks for corpora.
   *
   * @param folder where a name is looked for; a path is taken as it is
   * @param skippingBadRows whether their rows that cannot be used are left out
   */
  RecipeCorpora(String folder, boolean skippingBadRows) {
    this.folder = folder;
    this.skippingBadRows = skippingBadRows;
  }

  private Corpus read(Corpus corpus) {
    return skippingBadRows ? corpus.skippingBadRows() : corpus;
  }

  /**
   * The corpus of that name, file or folder.
   *
   * @throws dev.smalldoge.config.DogeException if it is not there
   */
  Corpus corpus(String name) {
    Path path = Home.path(name);
    if (Files.isRegularFile(path)) {
      return read(Corpus.file(path));
    }
    return read(isFolder(name) ? Corpus.folder(path) : Corpus.of(name).under(folder));
  }

  private static boolean isFolder(String name) {
    return name.startsWith(".") || Path.of(name).isAbsolute();
  }

  /**
   * The corpus's own test split: {@code NAME-test} beside {@code NAME}; empty where there is none.
   */
  Optional<Corpus> test(String name) {
    for (Path place : places(name)) {
      if (Files.isRegularFile(place)) {
        return Optional.of(read(Corpus.file(place)));
      }
      if (Files.isDirectory(place)) {
        return Optional.of(read(Corpus.folder(place)));
      }
    }
    return Optional.empty();
  }

  /** Where a test split may be. */
  List<Path> places(String name) {
    Path path = Home.path(name);
    if (Files.isRegularFile(path)) {
      String[] parts = path.getFileName().toString().split("(?=\\.)", 2); // base and ending
      return List.of(path.resolveSibling(parts[0] + TEST + (parts.length == 2 ? parts[1] : "")));
    }
    if (isFolder(name)) {
      return List.of(path.resolveSibling(path.getFileName() + TEST));
    }
    Path datasets = Home.path(folder);
    return List.of(
        datasets.resolve(name.replace(':', '/') + TEST),
        datasets.resolve("shipped").resolve(name + TEST + ".jsonl.gz"));
  }
}
