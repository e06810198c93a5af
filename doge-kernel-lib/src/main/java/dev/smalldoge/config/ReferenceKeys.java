package dev.smalldoge.config;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What is known of the keys of the reference's recipes, beyond those that are translated. */
final class ReferenceKeys {
  /** Keys of the reference that ours does not have: one of them makes a file its style. */
  static final Set<String> MARKS =
      Set.of(
          "model_config",
          "mmodel_config",
          "model_init_kwargs",
          "model_name_or_path",
          "dataset_name",
          "datasets_and_ratios",
          "per_device_train_batch_size",
          "lr_scheduler_type",
          "max_train_steps",
          "output_dir");

  /** Keys that do nothing here, each with the reason. */
  static final Map<String, String> IRRELEVANT = irrelevant();

  private ReferenceKeys() {}

  private static Map<String, String> irrelevant() {
    Map<String, String> reasons = new LinkedHashMap<>();
    put(
        reasons,
        "nothing is uploaded",
        List.of(
            "push_to_hub",
            "private",
            "token",
            "hub_model_id",
            "hub_strategy",
            "hub_token",
            "hub_private_repo",
            "hub_revision"));
    put(
        reasons,
        "the log is always written",
        List.of(
            "log_level",
            "log_level_replica",
            "logging_strategy",
            "logging_first_step",
            "logging_dir",
            "report_to",
            "run_name",
            "disable_tqdm"));
    put(
        reasons,
        "it concerns the Python process",
        List.of(
            "overwrite_output_dir",
            "do_train",
            "resume_from_checkpoint",
            "trust_remote_code",
            "model_revision",
            "torch_dtype",
            "dtype",
            "attn_implementation",
            "use_cache",
            "gradient_checkpointing_kwargs",
            "preprocessing_num_workers",
            "dataloader_num_workers",
            "dataloader_pin_memory",
            "ddp_timeout",
            "num_processes",
            "remove_unused_columns",
            "save_safetensors",
            "save_only_model",
            "use_liger",
            "use_liger_kernel",
            "tf32",
            "recipe_type",
            "per_device_eval_batch_size",
            "eval_on_start",
            "bf16_full_eval",
            "include_tokens_per_second",
            "include_num_input_tokens_seen"));
    put(
        reasons,
        "the data's own preparation decides this",
        List.of(
            "dataset_config",
            "dataset_configs",
            "dataset_text_field",
            "dataset_num_proc",
            "dataset_format",
            "dataset_train_split",
            "dataset_test_split",
            "cache_dir",
            "max_completion_length"));
    return Map.copyOf(reasons);
  }

  private static void put(Map<String, String> reasons, String reason, List<String> keys) {
    keys.forEach(key -> reasons.put(key, reason));
  }
}
