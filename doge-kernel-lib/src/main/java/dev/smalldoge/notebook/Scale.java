package dev.smalldoge.notebook;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DpoRecipe;
import dev.smalldoge.config.Home;
import dev.smalldoge.config.PretrainRecipe;
import dev.smalldoge.config.Recipe;
import dev.smalldoge.config.SftRecipe;
import dev.smalldoge.data.Corpus;
import dev.smalldoge.data.TokenFile;
import dev.smalldoge.data.Tokens;
import dev.smalldoge.data.hub.Download;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.notebook.display.DisplayHandle;
import dev.smalldoge.notebook.display.Displays;
import dev.smalldoge.tokenizer.Tokenizer;
import java.nio.file.Files;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The one dial of the notebooks: which recipes they run, and so how long they take.
 *
 * <p>Example: {@code var scale = Scale.TINY; Pretraining.of(scale.pretrain()).start()}.
 */
public enum Scale {
  /** A model of 1.1 million parameters on the shipped text: each notebook under two minutes. */
  TINY("recipes/tiny", "1.1 M parameters, shipped text, two CPU cores, under two minutes each"),

  /** The shape of Doge-20M on the shipped text: minutes on a GPU, hours on a CPU. */
  DEMO("recipes/demo", "the shape of Doge-20M, shipped text, minutes on a GPU, hours on a CPU"),

  /** Doge-20M on its own corpora, as the reference trains it: a CUDA machine and a day. */
  FULL("recipes/doge-20m", "Doge-20M on the corpora of the reference, a CUDA machine, a day");

  private final String folder;
  private final String meaning;

  Scale(String folder, String meaning) {
    this.folder = folder;
    this.meaning = meaning;
  }

  /** The recipe that pre-trains, with {@code overrides} as {@link Recipe#load} takes them. */
  public PretrainRecipe pretrain(String... overrides) {
    return PretrainRecipe.load(folder + "/pretrain.yaml", overrides);
  }

  /** The recipe that fine-tunes what {@link #pretrain} made. */
  public SftRecipe sft(String... overrides) {
    return SftRecipe.load(folder + "/sft.yaml", overrides);
  }

  /** The recipe that teaches preferences to what {@link #sft} made. */
  public DpoRecipe dpo(String... overrides) {
    return DpoRecipe.load(folder + "/dpo.yaml", overrides);
  }

  /**
   * Fetches what {@link #pretrain}'s recipe names and is not in {@code datasets/} yet; goes on
   * where an interrupted download was.
   *
   * @return the corpora by name
   */
  public Map<String, Corpus> download() {
    Map<String, Corpus> corpora = new LinkedHashMap<>();
    for (String name : pretrain().data().ratios().keySet()) {
      corpora.put(name, isThere(name) ? Corpus.of(name).under("datasets") : fetched(name));
    }
    return corpora;
  }

  private static boolean isThere(String name) {
    return Files.exists(Home.path("datasets/shipped/" + name + ".jsonl.gz"))
        || Files.isDirectory(Home.path("datasets/" + name.replace(':', '/')));
  }

  private static Corpus fetched(String name) {
    DisplayHandle progress = Displays.show(name + ": asking the hub");
    return Download.of(name).listener(now -> progress.update(name + ": " + now)).under("datasets");
  }

  /** Where the tokens of {@link #pretrain}'s corpora are kept between notebooks. */
  public String tokenFile() {
    return "datasets/" + name().toLowerCase(Locale.ROOT) + TokenFile.ENDING;
  }

  /** Opens {@link #tokenFile()}. */
  public Tokens tokens() {
    check(
        Files.exists(Home.path(tokenFile())),
        "%s is not there yet; run notebooks/01-data.ipynb to its end first",
        tokenFile());
    return Tokens.open(tokenFile(), Tokenizer.load(pretrain().tokenizer()));
  }

  /** Opens the pre-trained model. */
  public LanguageModel pretrained() {
    return open(pretrain(), "03-pretrain.ipynb");
  }

  /** Opens the fine-tuned model. */
  public LanguageModel finetuned() {
    return open(sft(), "05-fine-tune.ipynb");
  }

  /** Opens the model that learned preferences. */
  public LanguageModel preferred() {
    return open(dpo(), "06-prefer.ipynb");
  }

  private LanguageModel open(Recipe recipe, String notebook) {
    String model = recipe.outputFolder();
    check(
        Files.exists(Home.path(model).resolve("config.json")),
        "%s has no finished model; run notebooks/%s to its end first, or type: ./doge %s"
            + " %s/%s.yaml",
        model,
        notebook,
        recipe.stage(),
        folder,
        recipe.stage());
    return LanguageModel.open(model);
  }

  @Override
  public String toString() {
    return name() + ": " + meaning;
  }
}
