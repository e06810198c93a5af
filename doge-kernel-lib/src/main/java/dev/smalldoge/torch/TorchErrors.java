package dev.smalldoge.torch;

import ai.djl.engine.EngineException;
import dev.smalldoge.config.DogeException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Turns libtorch's errors into what the user can do about them. */
final class TorchErrors {
  private static final Pattern TRIED = Pattern.compile("Tried to allocate ([0-9.]+ [KMG]iB)");

  private TorchErrors() {}

  static RuntimeException explain(String script, EngineException e) {
    String message = String.valueOf(e.getMessage());
    if (message.contains("out of memory") || message.contains("not enough memory")) {
      Matcher tried = TRIED.matcher(message);
      return new DogeException(
          "Ran out of memory"
              + (tried.find() ? " allocating " + tried.group(1) + " more" : "")
              + " in "
              + script
              + "; halve microBatchSize and double gradientAccumulationSteps: same gradient, about"
              + " half the activation memory",
          e);
    }
    boolean wildId = script.equals("embed") && message.contains("index out of range in self");
    boolean wildLabel =
        script.startsWith("head_") && message.contains("is out of bounds for dimension 1");
    if (wildId || wildLabel) {
      return new DogeException(
          "A token id or label is outside the model's vocabulary; use the tokenizer that the model"
              + " was trained with, and -100 for what is not learned",
          e);
    }
    return e;
  }
}
