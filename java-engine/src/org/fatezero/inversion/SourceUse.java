package org.fatezero.inversion;

import org.fatezero.forward.Site;

import java.util.EnumSet;
import java.util.Set;

/**
 * What of the source an edit uses in which step. Steps are counted as in {@link org.fatezero.diffusion.Schedule}: step
 * {@code T - 1} is the noisiest and the first that editing takes.
 */
public interface SourceUse {

    /** Nothing at all. */
    SourceUse NOTHING = new SourceUse() {
        @Override
        public Set<Kept> of(Site site, int k) {
            return Set.of();
        }

        @Override
        public boolean in(int k) {
            return false;
        }

        @Override
        public boolean inSelfAttention(int k) {
            return false;
        }

        @Override
        public int upTo() {
            return 0;
        }
    };

    /** What is used of an attention layer in step {@code k}. */
    Set<Kept> of(Site site, int k);

    /** Whether the features of a residual block, named as in the checkpoint, are used in step {@code k}. */
    default boolean ofFeatures(String block, int k) {
        return false;
    }

    /** Whether anything is used in step {@code k}. */
    boolean in(int k);

    /** Whether any self-attention is used in step {@code k}. */
    boolean inSelfAttention(int k);

    /** The most cells a side of a layer or residual block that anything is used of. */
    int upTo();

    /** All that this or the other uses. */
    default SourceUse and(SourceUse other) {
        SourceUse one = this;
        return new SourceUse() {
            @Override
            public Set<Kept> of(Site site, int k) {
                Set<Kept> arrays = EnumSet.noneOf(Kept.class);
                arrays.addAll(one.of(site, k));
                arrays.addAll(other.of(site, k));
                return arrays;
            }

            @Override
            public boolean ofFeatures(String block, int k) {
                return one.ofFeatures(block, k) || other.ofFeatures(block, k);
            }

            @Override
            public boolean in(int k) {
                return one.in(k) || other.in(k);
            }

            @Override
            public boolean inSelfAttention(int k) {
                return one.inSelfAttention(k) || other.inSelfAttention(k);
            }

            @Override
            public int upTo() {
                return Math.max(one.upTo(), other.upTo());
            }
        };
    }
}
