package org.fatezero.engine;

import org.fatezero.caption.Captioner;
import org.fatezero.caption.Captioners;
import org.fatezero.io.Once;
import org.fatezero.options.Options;
import org.fatezero.options.words.Captions;
import org.fatezero.options.words.Readings;
import org.fatezero.options.words.Words;
import org.fatezero.video.Frame;

import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Describes shots by their anchors. The captioner is there while it is asked, once or twice a shot, and then makes room for the edit.
 *
 * @param captioner as the option
 * @param model the option: its folder may have a captioner of its own
 */
record Describer(String captioner, String model, Host host) {

    /** What a picture shows; without a captioner that is not known. */
    String caption(Frame picture) throws IOException {
        try (Captioner opened = open()) {
            if (opened == null) {
                host.log(Host.WARNING, "source: " + Captioners.missing(model) + ". Until then say what the clip shows with source=");
                return Captions.NOTHING_KNOWN;
            }
            String caption = opened.caption(picture);
            if (caption.equals(Captions.NOTHING_KNOWN)) {
                host.log(Host.WARNING, "source: the captioner recognises nothing here, so the edit keeps closer to the frames; "
                        + "say what the clip shows with source=, or name a Stable Diffusion model with model=");
            }
            host.log(Host.INFO, "source: " + caption);
            return caption;
        }
    }

    /** What the model's own captioner says of a picture that the user has described; told is that it recognises nothing. */
    String ownCaption(Frame picture, Once told) throws IOException {
        try (Captioner opened = Captioners.open("auto", model, host).orElseThrow()) {
            String caption = opened.caption(picture);
            if (caption.equals(Captions.NOTHING_KNOWN)) {
                told.log(host, Host.WARNING, "model=" + model + ", the small one that is built in, recognises nothing here, so the edit "
                        + "keeps closer to the frames; for real footage name a Stable Diffusion model");
            }
            return caption;
        }
    }

    /** How well captions describe a picture, as logarithms of probabilities. */
    double[] judged(Frame picture, List<String> captions) throws IOException {
        try (Captioner opened = open()) {
            return opened == null ? Readings.none(captions) : opened.logProbabilities(picture, captions);
        }
    }

    /** Tells what is edited into what, and once which words of it the built-in model does not know. */
    static void tell(List<Options> edits, WindowEditor editor, Host host, Once told) {
        Set<String> unknown = new LinkedHashSet<>();
        for (Options edit : edits) {
            String what = "'" + Words.brief(edit.source()) + "' becomes '" + Words.brief(edit.prompt()) + "'";
            host.log(Host.INFO, what + ", model " + edit.model() + ", " + edit.steps() + " steps");
            Stream.of(edit.source(), edit.prompt(), edit.prompt2()).forEach(text -> unknown.addAll(editor.unknown(text)));
        }
        unknown.removeAll(List.of(Captions.NOTHING_KNOWN.split(" "))); // which are not the user's
        if (!unknown.isEmpty()) {
            told.log(host, Host.WARNING, "model=" + edits.get(0).model() + ", the small one that is built in, does not know: "
                    + String.join(", ", unknown) + "; for these, name a Stable Diffusion model");
        }
    }

    private Captioner open() throws IOException {
        return Captioners.open(captioner, model, host).orElse(null);
    }
}
