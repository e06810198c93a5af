package dev.smalldoge.config;

import static dev.smalldoge.config.Checks.check;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Which corpora a recipe trains on, and in which parts.
 *
 * @param ratios part of the samples by the name or folder of each corpus; the parts add up to 1
 * @param totalSamples samples to train on, counted before packing; −1 for all there are
 * @param testSamples samples that are held out for evaluation, of each corpus so many that its
 *     tokens have the same part of them as of those trained on; −1 for the corpora's own test
 *     splits, {@code NAME-test} beside each {@code NAME} that has one
 * @param packing whether samples are cut together so that every sequence is full; else each is a
 *     sequence of its own, and a micro-batch as long as the longest of its own
 * @param skipBadRows whether rows that cannot be used are left out, counted and named, instead of
 *     ending the run
 */
public record DataMixture(
    Map<String, Double> ratios,
    long totalSamples,
    long testSamples,
    boolean packing,
    boolean skipBadRows) {
  /** Checks the parts. */
  public DataMixture {
    ratios = Collections.unmodifiableMap(new LinkedHashMap<>(ratios));
    check(!ratios.isEmpty(), "data has no ratios; give at least one corpus with ratio 1");
    double sum = 0;
    for (Map.Entry<String, Double> entry : ratios.entrySet()) {
      double ratio = entry.getValue();
      check(ratio > 0, "the ratio %s of %s is not positive; leave it out", ratio, entry.getKey());
      sum += ratio;
    }
    check(
        Math.abs(sum - 1) <= 1e-6,
        "the ratios of %s add up to %s, not 1; divide each by that",
        ratios.keySet(),
        sum);
    check(
        totalSamples == -1 || totalSamples > 0,
        "total_samples %d is not positive; use -1 for all",
        totalSamples);
    check(testSamples >= -1, "test_samples %d is negative; use 1000", testSamples);
  }

  /** Parts whose bad rows end the run. */
  public DataMixture(
      Map<String, Double> ratios, long totalSamples, long testSamples, boolean packing) {
    this(ratios, totalSamples, testSamples, packing, false);
  }

  /** Reads the keys of a recipe's {@code data}. */
  static DataMixture read(Fields f) {
    Fields ratios = f.map("ratios");
    Map<String, Double> parts = new LinkedHashMap<>();
    ratios.keys().forEach(name -> parts.put(name, ratios.number(name, 0)));
    long total = f.whole("total_samples", -1);
    long test = f.whole("test_samples", -1);
    boolean packing = f.flag("packing", true);
    boolean skip = f.flag("skip_bad_rows", false);
    f.requireAllRead();
    return new DataMixture(parts, total, test, packing, skip);
  }

  Map<String, Object> keys() {
    Map<String, Object> keys = new LinkedHashMap<>();
    keys.put("ratios", ratios);
    keys.put("total_samples", totalSamples);
    keys.put("test_samples", testSamples);
    keys.put("packing", packing);
    if (skipBadRows) {
      keys.put("skip_bad_rows", true);
    }
    return keys;
  }
}
