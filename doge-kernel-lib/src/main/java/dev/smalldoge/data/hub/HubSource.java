package dev.smalldoge.data.hub;

import static dev.smalldoge.config.Checks.check;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What is fetched of a repository.
 *
 * @param name the folder it is kept in
 * @param repository {@code organization/name}
 * @param subset a folder of it, or the beginning of its files' names; empty for the default
 * @param split how the names of its files begin, where any do: {@code train} or {@code test}
 */
public record HubSource(String name, String repository, String subset, String split) {
  private static final String TEST = "test";
  private static final Map<String, HubSource> KNOWN = new TreeMap<>();
  private static final List<String> DATA =
      List.of(".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".arrow", ".txt");

  static {
    known("fineweb-edu", "HuggingFaceTB/smollm-corpus", "fineweb-edu-dedup", "train");
    known("cosmopedia-v2", "HuggingFaceTB/smollm-corpus", "cosmopedia-v2", "train");
    known("python-edu", "HuggingFaceTB/smollm-corpus", "python-edu", "train");
    known("finemath", "HuggingFaceTB/finemath", "finemath-4plus", "train");
    known("smoltalk", "HuggingFaceTB/smoltalk", "all", "train");
    known("smoltalk-test", "HuggingFaceTB/smoltalk", "all", TEST);
    String feedback = "HuggingFaceH4/ultrafeedback_binarized";
    known("ultrafeedback-binarized", feedback, "train_prefs", "train");
    known("ultrafeedback-binarized-test", feedback, "test_prefs", TEST);
    known("open-thoughts", "open-thoughts/OpenThoughts-114k", "", "train");
    known("openr1-math", "open-r1/OpenR1-Math-220k", "", "train");
  }

  private static void known(String name, String repository, String subset, String split) {
    KNOWN.put(name, new HubSource(name, repository, subset, split));
  }

  /**
   * The source of a known name, such as {@code fineweb-edu}, or {@code organization/name} or {@code
   * organization/name:subset}.
   *
   * @throws dev.smalldoge.config.DogeException if it is none of these
   */
  public static HubSource of(String name) {
    if (KNOWN.containsKey(name)) {
      return KNOWN.get(name);
    }
    check(
        name.matches("[\\w.-]+/[\\w.-]+(:[\\w./-]+)?") && !name.contains(".."),
        "\"%s\" is no data set; give organization/name, organization/name:subset or one of %s",
        name,
        KNOWN.keySet());
    int colon = name.indexOf(':');
    return new HubSource(
        name.replace(':', '/'),
        colon < 0 ? name : name.substring(0, colon),
        colon < 0 ? "" : name.substring(colon + 1),
        "train");
  }

  /** The test split of the same data, which is kept in {@code NAME-test}. */
  HubSource test() {
    HubSource known = KNOWN.get(name + "-test");
    return known != null ? known : new HubSource(name + "-test", repository, subset, TEST);
  }

  /**
   * The files of the split among all files of the repository, in their order.
   *
   * @throws dev.smalldoge.config.DogeException if there are none
   */
  List<HubFile> select(List<HubFile> all) {
    List<HubFile> data =
        all.stream().filter(f -> DATA.stream().anyMatch(end -> f.path().endsWith(end))).toList();
    List<HubFile> inside = data.stream().filter(file -> isInSubset(file.path())).toList();
    List<HubFile> train = inside.stream().filter(f -> fileName(f).startsWith(split)).toList();
    List<HubFile> chosen = train.isEmpty() && !split.equals(TEST) ? inside : train;
    check(
        !chosen.isEmpty(),
        "%s has no data files of subset \"%s\" for %s; its folders are %s",
        repository,
        subset,
        split,
        data.stream().map(f -> f.path().replaceFirst("/?[^/]*$", "")).distinct().toList());
    return chosen;
  }

  /** Whether its rows are the ids of texts that are kept elsewhere. */
  boolean isOfBlobs() {
    return repository.equals("HuggingFaceTB/smollm-corpus") && subset.equals("python-edu");
  }

  private boolean isInSubset(String path) {
    String[] parts = path.split("/", -1);
    Stream<String> folders = Arrays.stream(parts).limit(parts.length - 1L);
    if (subset.isEmpty()) {
      return parts.length == 1 || folders.allMatch(folder -> folder.equals("data"));
    }
    return folders.anyMatch(subset::equals)
        || path.startsWith(subset + "/")
        || parts[parts.length - 1].startsWith(subset);
  }

  private static String fileName(HubFile file) {
    return file.path().substring(file.path().lastIndexOf('/') + 1);
  }
}
