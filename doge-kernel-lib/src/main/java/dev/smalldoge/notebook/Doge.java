package dev.smalldoge.notebook;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.Home;
import dev.smalldoge.config.Recipe;
import dev.smalldoge.io.RecipeTables;
import dev.smalldoge.notebook.display.MarkdownTable;
import dev.smalldoge.torch.Doctor;
import java.util.List;

/**
 * The machine and this library as a whole; the stages have nouns of their own.
 *
 * <p>Example: {@code Doge.doctor()} as a cell shows what this machine offers for training.
 */
public final class Doge {
  private Doge() {}

  /**
   * Looks at JDK, memory, libtorch, GPU and caches, and says what mends whatever is wrong; loads
   * libtorch, whose first use on a CUDA machine downloads it.
   */
  public static Doctor.Report doctor() {
    return Doctor.examine();
  }

  /** Every model that a recipe of this project trains, by size. */
  public static MarkdownTable models() {
    return new MarkdownTable(RecipeTables.models(recipes()));
  }

  /** How every recipe of this project trains. */
  public static MarkdownTable training() {
    return new MarkdownTable(RecipeTables.training(recipes()));
  }

  /**
   * How every recipe of one stage trains.
   *
   * @param stage {@code pretrain}, {@code sft} or {@code dpo}
   */
  public static MarkdownTable training(String stage) {
    List<Recipe> recipes = recipes().stream().filter(r -> r.stage().equals(stage)).toList();
    check(!recipes.isEmpty(), "no recipe has the stage \"%s\"; use pretrain, sft or dpo", stage);
    return new MarkdownTable(RecipeTables.training(recipes));
  }

  private static List<Recipe> recipes() {
    return RecipeTables.all(Home.path("recipes"));
  }

  /** The versions of this library and of what runs it, such as {@code doge 0.1.0, Java 17.0.15}. */
  public static String version() {
    return "doge " + libraryVersion() + ", Java " + Runtime.version();
  }

  /** From the jar's manifest; classes in a folder, as while developing, have none. */
  private static String libraryVersion() {
    String version = Doge.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
