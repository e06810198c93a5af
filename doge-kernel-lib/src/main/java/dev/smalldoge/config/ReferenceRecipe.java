package dev.smalldoge.config;

import static dev.smalldoge.config.Checks.check;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * A recipe in the style of the reference, translated into ours.
 *
 * <p>Both of its generations are read: {@code model_config} (and {@code mmodel_config}, as one file
 * had it) with {@code dataset_name}, and {@code model_init_kwargs} with {@code
 * datasets_and_ratios}. What a key means is what transformers' Trainer and TRL make of it; absent
 * keys have their defaults.
 */
final class ReferenceRecipe {
  private final Path file;
  private final Fields f;
  private final List<String> ignored;
  private final Map<String, Object> ours = new LinkedHashMap<>();

  ReferenceRecipe(Path file, Map<String, Object> keys, List<String> ignored) {
    this.file = file;
    this.f = new Fields(file.toString(), keys);
    this.ignored = ignored;
  }

  static boolean recognizes(Set<String> keys) {
    return keys.stream().anyMatch(ReferenceKeys.MARKS::contains);
  }

  Map<String, Object> translate() {
    for (String key : List.of("reward_funcs", "num_generations", "use_vllm")) {
      check(!f.has(key), "%s has %s: GRPO is not a stage here; use sft or dpo", file, key);
    }
    String stage = stage();
    ours.put("stage", stage);
    ours.put("name", f.text("name", file.toAbsolutePath().getParent().getFileName().toString()));
    ours.put("output_folder", f.text("output_dir", "runs"));
    String start = f.text("model_name_or_path", "");
    if (stage.equals("pretrain")) {
      model();
      if (!start.isEmpty()) {
        ours.put("tokenizer", start);
      }
      if (start.endsWith("checkpoint")) { // the reference loads weights by this ending alone
        ours.put("start_from", start);
      }
    } else {
      ours.put("start_from", start.isEmpty() ? null : start);
    }
    data(stage);
    training(stage);
    stageKeys(stage);
    rest();
    return ours;
  }

  private String stage() {
    String path = file.toAbsolutePath().toString().replace('\\', '/');
    String data = f.text("dataset_name", "");
    String stage = f.text("stage", "");
    if (!stage.isEmpty()) {
      return stage;
    } else if (describesModel()) {
      return "pretrain";
    } else if (f.has("max_prompt_length") || path.contains("/dpo") || data.contains("dpo")) {
      return "dpo";
    }
    check(
        f.has("max_seq_length") || path.contains("/sft") || data.matches(".*(sft|distill).*"),
        "%s does not say whether it is pretrain, sft or dpo; add \"stage: sft\"",
        file);
    return "sft";
  }

  /** Fine-tuning may have a model_init_kwargs too, but with no shape in it. */
  private boolean describesModel() {
    String key = modelKey();
    return key != null && (f.map(key).has("hidden_size") || f.map(key).has("num_hidden_layers"));
  }

  private String modelKey() {
    for (String key : List.of("model_config", "mmodel_config", "model_init_kwargs")) {
      if (f.has(key)) {
        return key;
      }
    }
    return null;
  }

  private void model() {
    check(modelKey() != null, "%s has neither model_config nor model_init_kwargs; add one", file);
    Fields model = f.map(modelKey());
    Map<String, Object> keys = new LinkedHashMap<>();
    for (String key : model.keys()) {
      String reason = ModelKeys.IGNORED.getOrDefault(key, ReferenceKeys.IRRELEVANT.get(key));
      if (reason == null) {
        keys.put(key, model.raw(key));
      } else {
        ignored.add(modelKey() + "." + key + ": " + reason);
      }
    }
    ours.put("model", keys);
  }

  private void data(String stage) {
    Map<String, Object> ratios = new LinkedHashMap<>();
    if (f.raw("datasets_and_ratios") instanceof List<?> list) {
      for (Object entry : list) {
        check(
            entry instanceof Map<?, ?> map && map.size() == 1,
            "%s: datasets_and_ratios has %s, expected one \"name: ratio\" per line",
            file,
            entry);
        ((Map<?, ?>) entry).forEach((name, ratio) -> ratios.put(String.valueOf(name), ratio));
      }
    } else if (f.has("dataset_name")) {
      ratios.put(f.text("dataset_name", ""), 1.0);
    }
    f.raw("dataset_name");
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("ratios", ratios);
    data.put("total_samples", f.whole("total_sample_size", -1));
    boolean packed = stage.equals("pretrain") && f.has("datasets_and_ratios");
    data.put("packing", f.flag("packing", packed));
    ours.put("data", data);
  }

  private void training(String stage) {
    boolean pretrain = stage.equals("pretrain");
    int length = f.integer("max_length", pretrain ? 2_048 : 1_024);
    ours.put("sequence_length", f.integer("max_seq_length", length));
    ours.put("micro_batch_size", f.integer("per_device_train_batch_size", 8));
    ours.put("gradient_accumulation_steps", f.integer("gradient_accumulation_steps", 1));
    int steps = f.integer("max_train_steps", 0);
    steps = Math.max(0, f.integer("max_steps", steps));
    double epochs = f.number("num_train_epochs", 3);
    ours.put("max_steps", steps);
    ours.put("num_train_epochs", steps > 0 ? 0 : epochs); // as Trainer: max_steps wins
    ours.put("learning_rate", f.raw("learning_rate"));
    schedule();
    ours.put("adam_beta1", f.number("adam_beta1", 0.9));
    ours.put("adam_beta2", f.number("adam_beta2", 0.999));
    ours.put("adam_epsilon", f.number("adam_epsilon", 1e-8));
    ours.put("weight_decay", f.number("weight_decay", 0));
    ours.put("max_grad_norm", f.number("max_grad_norm", 1));
    ours.put("seed", f.whole("seed", 42));
    intervals();
    String optimizer = f.text("optim", "adamw_torch");
    check(
        optimizer.startsWith("adamw_torch"),
        "%s: optim \"%s\" is not made here; use adamw_torch",
        file,
        optimizer);
    check(!f.flag("fp16", false), "%s: fp16 is not made here; use bf16: true", file);
    ours.put("precision", f.flag("bf16", false) ? "bf16" : "fp32");
    ours.put("recompute", f.flag("gradient_checkpointing", false));
  }

  private void intervals() {
    int log = Math.max(1, f.integer("logging_steps", 500));
    int eval = f.integer("eval_steps", log);
    String strategy = f.text("eval_strategy", f.text("evaluation_strategy", "no"));
    f.raw("evaluation_strategy");
    boolean evaluates = strategy.equals("steps") && f.flag("do_eval", true);
    f.raw("do_eval");
    ours.put("eval_every_steps", evaluates ? eval : 0);
    String saves = f.text("save_strategy", "steps");
    check(
        saves.equals("steps"), "%s: save_strategy \"%s\" is not made here; use steps", file, saves);
    ours.put("save_every_steps", f.integer("save_steps", 500));
    ours.put("log_every_steps", log);
    ours.put("keep_last_checkpoints", f.integer("save_total_limit", 0));
  }

  private void schedule() {
    Fields k = f.map("lr_scheduler_kwargs");
    String type = f.text("lr_scheduler_type", "linear");
    Map<String, Object> schedule = new LinkedHashMap<>();
    int warmup = f.integer("warmup_steps", 0);
    schedule.put("warmup_steps", warmup);
    double ratio = f.number("warmup_ratio", 0);
    schedule.put("warmup_ratio", warmup > 0 ? 0 : ratio); // as Trainer: steps win
    schedule.put("min_ratio", k.number("min_lr_ratio", k.number("min_lr_rate", 0)));
    k.raw("min_lr_rate");
    switch (type) {
      case "warmup_stable_decay" -> {
        schedule.put("kind", "warmup_stable_decay");
        schedule.put("decay_steps", k.integer("num_decay_steps", 0));
        schedule.put("warmup_shape", shape(k.text("warmup_type", "linear")));
        schedule.put("decay_shape", shape(k.text("decay_type", "cosine")));
      }
      case "cosine_with_min_lr" -> schedule.put("kind", "cosine_with_minimum");
      default ->
          throw new DogeException(
              String.format(
                  "%s: lr_scheduler_type \"%s\" is not made here; use warmup_stable_decay or"
                      + " cosine_with_min_lr",
                  file, type));
    }
    k.requireAllRead();
    ours.put("schedule", schedule);
  }

  private static String shape(String name) {
    return name.equals("1-sqrt") ? "one_minus_sqrt" : name;
  }

  private void stageKeys(String stage) {
    if (stage.equals("pretrain")) {
      Fields model = f.map(modelKey());
      if (model.flag("is_moe", false) && ours.get("start_from") != null) {
        Fields schedule = new Fields("", Map.of("s", ours.get("schedule"))).map("s");
        ours.put("expert_warmup_steps", schedule.integer("warmup_steps", 0));
      }
      return;
    }
    ours.put("system_prompt", f.raw("system_prompt"));
    if (stage.equals("sft")) {
      ours.put("assistant_only", f.flag("assistant_only_loss", true));
    } else if (stage.equals("dpo")) {
      ours.put("beta", f.number("beta", 0.1));
      ours.put("label_smoothing", f.number("label_smoothing", 0));
      ours.put("max_prompt_length", f.integer("max_prompt_length", 512));
      String loss = f.text("loss_type", "sigmoid");
      check(loss.equals("sigmoid"), "%s: loss_type \"%s\" is not made; use sigmoid", file, loss);
    }
  }

  /** Keys that nobody asked for: known to do nothing, mistyped, or of a Trainer we do not know. */
  private void rest() {
    Set<String> known = new TreeSet<>(f.asked());
    known.addAll(ReferenceKeys.IRRELEVANT.keySet());
    known.addAll(ReferenceKeys.MARKS);
    for (String key : new ArrayList<>(f.unread())) {
      if (ReferenceKeys.IRRELEVANT.containsKey(key)) {
        ignored.add(key + ": " + ReferenceKeys.IRRELEVANT.get(key));
        continue;
      }
      String near = NearestWord.of(key, known).orElse("");
      if (!near.isEmpty() && NearestWord.distance(key, near) <= 2) {
        throw f.unknown(key, known);
      }
      ignored.add(key + ": not known here" + (near.isEmpty() ? "" : ", the nearest is " + near));
    }
  }
}
