package dev.smalldoge.cli;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.Recipe;
import dev.smalldoge.io.RecipeTables;
import dev.smalldoge.io.WrittenAside;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Shows recipes: all as tables, or one with all its keys. */
@Command(name = "recipes", description = "Show all recipes as tables, or one with all its keys.")
final class RecipesCommand implements Callable<Integer> {
  @Parameters(
      arity = "0..1",
      paramLabel = "RECIPE",
      description = "a recipe's file; without it, the tables of all")
  private Path recipe;

  @Option(names = "--update", paramLabel = "PAGE", description = "put the tables into a page")
  private Path page;

  @Option(
      names = "--folder",
      defaultValue = "recipes",
      description = "where recipes lie (${DEFAULT-VALUE})")
  private Path folder;

  @Override
  public Integer call() {
    if (recipe != null) {
      System.out.print(Recipe.load(recipe).toText());
    } else if (page != null) {
      update();
    } else {
      List<Recipe> all = RecipeTables.all(folder);
      System.out.println(RecipeTables.models(all));
      System.out.print(RecipeTables.training(all));
    }
    return 0;
  }

  private void update() {
    try {
      WrittenAside.text(page, RecipeTables.inserted(Files.readString(page), folder));
    } catch (IOException e) {
      throw new DogeException(page + " cannot be read; name a Markdown page", e);
    }
  }
}
