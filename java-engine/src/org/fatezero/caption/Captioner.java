package org.fatezero.caption;

import org.fatezero.video.Frame;

import java.util.List;

/** Says what a frame shows. */
public interface Captioner extends AutoCloseable {

    /**
     * One line of text, in the words of the captions that the model at hand was trained on. What is not recognised is not named, and
     * a frame in which nothing is has the caption {@link org.fatezero.options.words.Captions#NOTHING_KNOWN}.
     *
     * @param frame of any size
     */
    String caption(Frame frame);

    /**
     * How well captions describe a frame: their log probabilities, which are comparable with each other and with those of no other frame.
     *
     * @param captions anybody's
     */
    double[] logProbabilities(Frame frame, List<String> captions);

    @Override
    void close();
}
