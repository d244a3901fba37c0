package org.fatezero.options.authors;

import java.util.ArrayList;
import java.util.List;

/**
 * The frames that the authors' {@code ImageSequenceDataset} takes of a clip, as filters of FFmpeg before this one: some of its frames,
 * in RGB, without margins, with their short side at the size that is edited, and the square in their middle.
 */
final class ConfigurationFrames {

    private static final int MOST_FRAMES = 1 << 24;
    private static final int MOST_PIXELS = 1 << 16;

    private ConfigurationFrames() {
    }

    /** @throws IllegalArgumentException for a field that cannot be, naming it, its value and what was expected */
    static String filters(Yaml.Field dataset) {
        List<String> filters = new ArrayList<>(picked(dataset));
        filters.add("format=rgb24"); // or crop counts in pairs of pixels
        Yaml.Field offset = dataset.at("offset");
        int left = pixels(offset.at("left"), 0);
        int right = pixels(offset.at("right"), 0);
        // an offset without a top meets the default of their offset_crop
        int top = pixels(offset.at("top"), offset.isSet() ? 200 : 0);
        int bottom = pixels(offset.at("bottom"), 0);
        if (left + right + top + bottom > 0) {
            filters.add("crop=iw-" + (left + right) + ":ih-" + (top + bottom) + ":" + left + ":" + top);
        }
        String size = Integer.toString(dataset.at("image_size").isSet() ? dataset.at("image_size").whole(8, 4096) : 512);
        filters.add("scale='max(SIZE,trunc(SIZE/ih*iw))':'max(SIZE,trunc(SIZE/iw*ih))':flags=bilinear+full_chroma_inp"
                .replace("SIZE", size));
        filters.add("crop=SIZE:SIZE:trunc((iw-SIZE)/2):trunc((ih-SIZE)/2)".replace("SIZE", size));
        filters.add("setsar=1");
        return String.join(",", filters);
    }

    private static List<String> picked(Yaml.Field dataset) {
        List<String> filters = new ArrayList<>();
        Yaml.Field count = dataset.at("n_sample_frame");
        long frames = count.isSet() ? count.whole(-1, MOST_FRAMES) : 8; // -1 is all
        long start = dataset.at("start_sample_frame").isSet() ? dataset.at("start_sample_frame").whole(0, MOST_FRAMES) : 0;
        long rate = dataset.at("sampling_rate").isSet() ? dataset.at("sampling_rate").whole(1, MOST_FRAMES) : 1;
        List<String> range = new ArrayList<>();
        if (start > 0) {
            range.add("start_frame=" + start);
        }
        if (frames > 0) {
            range.add("end_frame=" + (start + (frames - 1) * rate + 1));
        }
        if (!range.isEmpty()) {
            filters.add("trim=" + String.join(":", range));
        }
        if (rate > 1) {
            filters.add("select='not(mod(n," + rate + "))'");
        }
        if (start > 0 || rate > 1) {
            filters.add("setpts=N/FRAME_RATE/TB");
        }
        return filters;
    }

    private static int pixels(Yaml.Field field, int unset) {
        return field.isSet() ? field.whole(0, MOST_PIXELS) : unset;
    }
}
