package org.fatezero.options.authors;

import org.fatezero.io.Log;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The fields that the authors' configuration files may have, and which fields of one file have no effect here. */
final class ConfigurationFields {

    /** Fields that have an effect, by section. */
    private static final Map<String, List<String>> USED = Map.of(
            "", List.of("dataset_config", "editing_config", "model_config", "pretrained_model_path"),
            "dataset_config", List.of("prompt", "n_sample_frame", "image_size", "start_sample_frame", "sampling_rate", "offset"),
            "editing_config", List.of("editing_prompts", "p2p_config", "prompt2prompt_edit", "source_prompt", "guidance_scale",
                    "num_inference_steps", "use_inversion_attention", "use_invertion_latents"),
            "model_config", List.of("SparseCausalAttention_index", "least_sc_channel", "temporal_downsample", "temporal_downsample_time"),
            "p2p_config", List.of("is_replace_controller", "cross_replace_steps", "self_replace_steps", "eq_params", "blend_words",
                    "blend_self_attention", "blend_latents", "blend_th", "negative_prompt"),
            "eq_params", List.of("words", "values"),
            "offset", List.of("left", "right", "top", "bottom"));

    /** Fields about their files, logs, training and machine, which have no meaning in a filter. */
    private static final Map<String, List<String>> MEANINGLESS = Map.of(
            "", List.of("seed", "logdir", "verbose", "batch_size", "train_steps", "validation_steps", "checkpointing_steps",
                    "learning_rate", "train_temporal_conv", "prior_preservation", "enable_xformers", "mixed_precision",
                    "gradient_checkpointing", "gradient_accumulation_steps", "trainer_pipeline_config", "test_pipeline_config",
                    "pretrained_epoch_list", "disk_store", "use_invertion_latents"),
            "dataset_config", List.of("path", "stride", "image_mode", "crop", "class_data_root", "class_data_prompt"),
            "editing_config", List.of("clip_length", "sample_seeds", "num_samples_per_prompt", "subdir", "annotate",
                    "annotate_size", "use_make_grid", "grid_column_size", "traverse_p2p_config", "strength"),
            "model_config", List.of("lora"),
            "p2p_config", List.of("use_inversion_attention", "save_self_attention", "save_path", "disk_store"),
            "eq_params", List.of(), "offset", List.of());

    private final List<String> unused = new ArrayList<>();
    private final List<String> unknown = new ArrayList<>();

    /**
     * Notes the fields of a section that have no effect.
     *
     * @param section its name above
     * @param place where it is in the file
     */
    void note(String section, String place, Yaml.Field fields) {
        for (String key : fields.keys()) {
            if (!USED.get(section).contains(key)) {
                (MEANINGLESS.get(section).contains(key) ? unused : unknown).add(place.isEmpty() ? key : place + "." + key);
            }
        }
    }

    /** The same for the settings of an edit, if it has any. */
    void noteEdit(String place, Yaml.Field edit) {
        if (edit.isMap()) {
            note("p2p_config", place, edit);
            if (edit.at("eq_params").isMap()) {
                note("eq_params", place + ".eq_params", edit.at("eq_params"));
            }
        }
    }

    /** Logs the unknown and the unused fields, each in one line. */
    void tell(String file, Log log) {
        if (!unknown.isEmpty()) {
            log.log(Log.WARNING, file + ": unknown and not used: " + String.join(", ", unknown));
        }
        if (!unused.isEmpty()) {
            log.log(Log.INFO, file + ": without meaning in a filter and not used: " + String.join(", ", unused));
        }
    }
}
