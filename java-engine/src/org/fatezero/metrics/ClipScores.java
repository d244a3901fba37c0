package org.fatezero.metrics;

/**
 * The paper's two scores of an edited clip (section 4.3), of the vectors that CLIP gives for its frames and prompts.
 *
 * <p>Tem-Con is the mean cosine similarity of consecutive frames; Frame-Acc the share of frames that are more similar to the
 * target prompt than to the source prompt.
 */
public final class ClipScores {

    private final float[] source;
    private final float[] target;
    private float[] last;
    private int frames;
    private int hits;
    private double similarity; // summed over consecutive frames

    /**
     * @param source the source prompt's vector; null, as {@code target}, if there is no Frame-Acc to tell
     * @param target the target prompt's vector
     */
    public ClipScores(float[] source, float[] target) {
        this.source = source;
        this.target = target;
    }

    /** Adds the next frame's vector. */
    public void add(float[] frame) {
        if (last != null) {
            similarity += cosine(last, frame);
        }
        if (source != null && cosine(frame, target) > cosine(frame, source)) {
            hits++;
        }
        last = frame;
        frames++;
    }

    /** -1 to 1; null of fewer than two frames. */
    public Double temCon() {
        return frames < 2 ? null : similarity / (frames - 1);
    }

    /** 0 to 1; null without prompts or frames. */
    public Double frameAcc() {
        return source == null || frames == 0 ? null : (double) hits / frames;
    }

    private static double cosine(float[] a, float[] b) {
        double product = 0;
        double squareA = 0;
        double squareB = 0;
        for (int i = 0; i < a.length; i++) {
            product += (double) a[i] * b[i];
            squareA += (double) a[i] * a[i];
            squareB += (double) b[i] * b[i];
        }
        return product / Math.sqrt(squareA * squareB);
    }
}
