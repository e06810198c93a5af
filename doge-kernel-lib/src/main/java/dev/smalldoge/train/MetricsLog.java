package dev.smalldoge.train;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import dev.smalldoge.config.DogeException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * Appends every step and evaluation to a {@code metrics.jsonl}, one object a line, flushed at once.
 *
 * <p>A resumed run repeats no step: lines from the step it continues at are dropped first.
 */
public final class MetricsLog implements TrainingListener {
  private static final Gson GSON = new GsonBuilder().serializeSpecialFloatingPointValues().create();

  private final Path file;

  /** A log in {@code file}, which keeps what it holds of the steps before {@code firstStep}. */
  public MetricsLog(Path file, long firstStep) {
    this.file = file;
    try {
      Files.createDirectories(file.toAbsolutePath().getParent());
      if (Files.exists(file)) {
        List<String> kept =
            Files.readAllLines(file).stream().filter(l -> stepOf(l) < firstStep).toList();
        Files.write(file, kept);
      }
    } catch (IOException e) {
      throw failed(e);
    }
  }

  private static long stepOf(String line) {
    try {
      return GSON.fromJson(line, JsonObject.class).get("step").getAsLong();
    } catch (RuntimeException torn) {
      return Long.MAX_VALUE; // the line that a killed run did not finish
    }
  }

  @Override
  public void stepped(StepMetrics metrics) {
    append(GSON.toJsonTree(metrics).getAsJsonObject());
  }

  @Override
  public void evaluated(EvaluationMetrics metrics) {
    JsonObject line = new JsonObject();
    line.addProperty("step", metrics.step() - 1);
    line.addProperty("evalLoss", metrics.loss());
    line.addProperty("evalTokens", metrics.countedTokens());
    metrics.extra().forEach((name, value) -> line.addProperty("eval." + name, value));
    append(line);
  }

  private void append(JsonObject line) {
    try {
      Files.write(
          file,
          (line + "\n").getBytes(StandardCharsets.UTF_8),
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw failed(e);
    }
  }

  private DogeException failed(IOException e) {
    return new DogeException(
        "Cannot write " + file + " (" + e.getMessage() + "); free space or choose another folder",
        e);
  }
}
