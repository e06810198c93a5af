package dev.smalldoge.tokenizer;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.Optional;

/** Which token a tokenizer's files put before a text. */
final class OpeningToken {
  private OpeningToken() {}

  static Optional<String> of(TokenizerFiles files) {
    JsonElement said = files.config().get("add_bos_token");
    if (said != null && said.isJsonPrimitive()) {
      return said.getAsBoolean() ? files.special("bos_token") : Optional.empty();
    }
    JsonElement processor = files.tokenizer().get("post_processor");
    return processor == null || processor.isJsonNull()
        ? files.special("bos_token")
        : first(processor.getAsJsonObject());
  }

  /** The special token at the beginning of a post-processor's template, if it has one. */
  private static Optional<String> first(JsonObject processor) {
    return switch (processor.get("type").getAsString()) {
      case "Sequence" ->
          processor.getAsJsonArray("processors").asList().stream()
              .flatMap(part -> first(part.getAsJsonObject()).stream())
              .findFirst();
      case "TemplateProcessing" ->
          processor.getAsJsonArray("single").asList().stream()
              .limit(1)
              .map(piece -> piece.getAsJsonObject().get("SpecialToken"))
              .filter(token -> token != null)
              .map(token -> token.getAsJsonObject().get("id").getAsString())
              .findFirst();
      case "RobertaProcessing", "BertProcessing" ->
          Optional.of(processor.getAsJsonArray("cls").get(0).getAsString());
      default -> Optional.empty(); // ByteLevel adds nothing
    };
  }
}
