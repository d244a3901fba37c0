package org.fatezero.edit.plan;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;

import org.fatezero.edit.Edit;
import org.fatezero.io.Log;
import org.fatezero.model.Model;
import org.fatezero.options.OptionResolver;
import org.fatezero.options.Options;
import org.fatezero.text.Prompt;

/**
 * Encodes the prompts of edits.
 *
 * @param manager owns the encodings
 * @param log is told of words that the model does not see
 */
public record Prompts(Model model, NDManager manager, Log log) {

    /** The tokens of the prompt that an option gives. */
    public Prompt tokens(String option, String prompt) {
        Prompt encoded = model.tokenizer.encode(prompt, model.textEncoder.config().maxPositionEmbeddings());
        if (!encoded.cut().isEmpty()) {
            log.log(Log.WARNING, option + " is too long for the text encoder, which does not see: " + encoded.unseen());
        }
        return encoded;
    }

    /** A planned edit with its prompts. */
    public Edit edit(EditPlan plan, Options options, Prompt source, Prompt target) {
        NDList encodings = new NDList();
        for (Prompt prompt : new Prompt[] {source, tokens("negative", options.negative()), target}) {
            encodings.add(model.textEncoder.forward(manager, prompt.ids()));
        }
        NDArray text = NDArrays.concat(encodings, 0);
        return new Edit(plan.method(), text, plan.guidance(), plan.guided()::contains);
    }

    /** The edit to the second prompt, or null if there is none. */
    public Edit second(Options options, Prompt source) {
        if (options.prompt2().isBlank()) {
            return null;
        }
        Prompt target = tokens("prompt2", options.prompt2());
        PromptWords words = new PromptWords(model.tokenizer, options.parity(), log);
        Options second = OptionResolver.second(options, word -> words.has(word, target));
        return edit(EditPlan.of(second, model, manager, source, target, log), second, source, target);
    }
}
