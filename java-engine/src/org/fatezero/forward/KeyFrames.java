package org.fatezero.forward;

import ai.djl.ndarray.NDArray;

import org.fatezero.tensor.Torch;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Spatial-temporal self-attention (FateZero, eq. 8): which frames' keys and values each frame of a window attends to.
 *
 * <p>A list of selectors is read for each frame: {@code self}, {@code first}, {@code mid}, {@code last}, a number
 * relative to the frame such as {@code -1}, clipped to the window, or {@code anchor}, the one frame that all windows of a
 * shot have in common. Keys and values are projected only for frames that some list names, and where all frames have the
 * same list they share one set of keys.
 *
 * <p>The anchor attends to itself alone. So the result for a frame that attends to {@code anchor}, or {@code self+anchor}, depends
 * on that frame and the anchor only, not on the window that it is in.
 */
public final class KeyFrames {

    private static final String ANCHOR = "anchor";
    private static final int MOST_SELECTORS = 16; // keys and values of each are laid out for every frame

    private final int frames;
    private final int[] distinct;   // the frames that are projected, ascending
    private final int[][] lists;    // per frame, places in distinct
    private final boolean shared;   // one list for all frames
    private final boolean own;      // each frame only itself: plain self-attention

    /** The same without an anchor: {@code anchor} is the window's first frame. */
    public KeyFrames(List<String> selectors, int frames) {
        this(selectors, frames, 0, false);
    }

    /**
     * @param selectors what each frame attends to, in order
     * @param frames of a branch: the window's, after the anchor if that is {@code beside} them
     * @param anchor which of them is the anchor, from 0
     * @param beside whether the anchor is not one of the window's frames; it then comes first
     * @throws IllegalArgumentException for a selector that is none of the above
     */
    public KeyFrames(List<String> selectors, int frames, int anchor, boolean beside) {
        this.frames = frames;
        int first = beside ? 1 : 0;
        boolean anchored = selectors.contains(ANCHOR);
        int[][] named = new int[frames][];
        for (int i = 0; i < frames; i++) {
            int frame = i;
            named[i] = selectors.stream().mapToInt(selector -> selector.equals(ANCHOR) || anchored && frame == anchor ? anchor
                    : first + index(selector, frame - first, frames - first)).toArray();
        }
        distinct = Arrays.stream(named).flatMapToInt(Arrays::stream).distinct().sorted().toArray();
        lists = Arrays.stream(named)
                .map(list -> Arrays.stream(list).map(frame -> Arrays.binarySearch(distinct, frame)).toArray())
                .toArray(int[][]::new);
        shared = Arrays.stream(lists).allMatch(list -> Arrays.equals(list, lists[0]));
        own = selectors.equals(List.of("self"));
    }

    /** As {@link #of(String, int, int, boolean)}, without an anchor. */
    public static KeyFrames of(String selectors, int frames) {
        return of(selectors, frames, 0, false);
    }

    /**
     * @param selectors joined by plus signs, each once; none is {@code self}
     * @throws IllegalArgumentException as above, and for too many
     */
    public static KeyFrames of(String selectors, int frames, int anchor, boolean beside) {
        return new KeyFrames(selectors.isBlank() ? List.of("self") : split(selectors), frames, anchor, beside);
    }

    /** Whether frames attend to the shot's anchor. */
    public static boolean seeAnchor(String selectors) {
        return split(selectors).contains(ANCHOR);
    }

    private static List<String> split(String selectors) {
        List<String> split = Arrays.stream(selectors.split("\\+", -1)).map(String::strip).toList();
        if (split.size() > MOST_SELECTORS) {
            throw new IllegalArgumentException("keys names " + split.size() + " frames: expected at most " + MOST_SELECTORS);
        }
        Set<String> before = new HashSet<>();
        for (String selector : split) {
            if (!before.add(selector) && !selector.isEmpty()) {
                throw new IllegalArgumentException("keys=" + selectors + " names " + selector + " twice: expected each frame once");
            }
        }
        return split;
    }

    private static int index(String selector, int frame, int frames) {
        return switch (selector) {
            case "self" -> frame;
            case "first" -> 0;
            case "mid" -> (frames - 1) / 2;
            case "last" -> frames - 1;
            default -> {
                try {
                    yield (int) Math.max(0, Math.min(frames - 1, (long) frame + Integer.parseInt(selector)));
                } catch (NumberFormatException e) {
                    throw new IllegalArgumentException("keys: '" + selector
                            + "' is no frame; use anchor, self, first, mid, last or a number such as -1, joined by +", e);
                }
            }
        };
    }

    /** How many frames keys and values are projected from. */
    int count() {
        return distinct.length;
    }

    /** The frames of a branch that keys and values are projected from, ascending. */
    public int[] projected() {
        return distinct.clone();
    }

    /**
     * The kernel of {@link ForwardHook}: each frame's queries over the keys of its list.
     *
     * @param q {@code (branches, frames * positions, heads, d)}
     * @param k {@code (branches, distinct * positions, heads, d)}
     * @param v like {@code k}
     * @return {@code (branches, frames * positions, heads * d)}
     */
    public NDArray attend(Torch torch, NDArray q, NDArray k, NDArray v) {
        if (shared && Arrays.equals(lists[0], places(distinct.length))) {
            return torch.attention(q, k, v); // all frames' queries over one set of keys
        }
        int[] joined = own ? new int[0] : Arrays.stream(lists).flatMapToInt(Arrays::stream).toArray();
        return torch.frameAttention(q, k, v, frames, distinct.length, joined);
    }

    private static int[] places(int n) {
        int[] places = new int[n];
        Arrays.setAll(places, i -> i);
        return places;
    }
}
