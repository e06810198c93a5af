package dev.smalldoge.data.hub;

import java.time.Duration;
import java.util.Locale;

/**
 * How far a download is.
 *
 * @param bytes bytes on this disk
 * @param totalBytes bytes when it is whole
 * @param bytesPerSecond what came since it began, those already there not counted
 */
public record DownloadProgress(long bytes, long totalBytes, double bytesPerSecond) {
  /** How long the rest takes at this rate. */
  public Duration remaining() {
    double seconds = (totalBytes - bytes) / Math.max(1, bytesPerSecond);
    return Duration.ofSeconds((long) Math.min(seconds, 1e9));
  }

  @Override
  public String toString() {
    long seconds = remaining().toSeconds();
    return String.format(
        Locale.ROOT,
        "%,.1f of %,.1f MB, %.1f MB/s, %d:%02d:%02d left",
        bytes / 1e6,
        totalBytes / 1e6,
        bytesPerSecond / 1e6,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60);
  }
}
