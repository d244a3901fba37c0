package org.fatezero.options;

import static org.fatezero.options.Trait.IN_PRESETS;
import static org.fatezero.options.Trait.NOT_IN_EDIT_KEY;
import static org.fatezero.options.Trait.NOT_IN_INVERSION_KEY;
import static org.fatezero.options.Trait.OF_ONE_EDIT;
import static org.fatezero.options.Trait.OF_THE_FILM;

import org.fatezero.options.words.Words;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Everything that the engine can be told, in the order of the filter's own table. A component's name is the filter's option, the
 * preset's key and the row in docs/options.md; hence the spelling, which is FFmpeg's rather than Java's.
 *
 * @param preset name of a preset or a file
 * @param presets several of them, {@code watercolor|monet}: as many edits that share one inversion
 * @param edit of a preset that is a configuration file of the authors' code, which of its {@code editing_prompts}, counted from
 *     0; {@code auto} is the first that is not the source; {@code 1|2} are several edits, as of {@code presets}
 * @param prompt what the edited clip shows; {@code {source}}, {@code {from}}, {@code {to}}, {@code {edited}}, the source
 *     with {@code from} replaced by {@code to}, {@code {without}}, the source without what {@code from} names, and {@code {rest}}, the
 *     words of that, joined by plus signs, are filled in
 * @param prompt2 what frames show that have moved to it from {@code prompt}, with the same placeholders; empty for none
 * @param source what the clip shows; {@link #AUTO}: each shot is described by its anchor, once it is there
 * @param captioner what describes shots: {@link #AUTO} for the model's own or a BLIP in the local hub cache, or a BLIP model's
 *     folder or hub name
 * @param from words of the source that an attribute or shape preset changes; {@code jeep|road} for several at once, of which one may be
 *     empty: the rest of the picture
 * @param to what it changes them to, as many
 * @param promptfile a text file: the prompt in its first line, the source in its second
 * @param negative what the edited clip should not show: the unconditional half of guidance
 * @param model {@code pocket}, a folder in the diffusers layout, a single .safetensors file by the original names, or a hub name
 *     found in the local hub cache
 * @param lora files merged into the model, each with a scale: {@code a.safetensors:0.8+b.safetensors}
 * @param device {@code auto}, {@code cpu}, {@code cuda} or {@code cuda:N}
 * @param precision {@code auto}, {@code fp32}, {@code fp16} or {@code bf16}
 * @param window frames edited together, 1 to 128
 * @param steps T of DDIM, 1 to 1000
 * @param speed {@code exact}, or {@code fast}, which sets {@code steps} and {@code solver} where they are not set themselves
 * @param solver of inversion: {@code ddim}, or {@code implicit} ({@link org.fatezero.diffusion.Schedule#input})
 * @param guidance scale of classifier-free guidance, 1 to 50; 0 for the model's own, which is 7.5 unless its scheduler's configuration has
 *     a {@code _guidance_scale}
 * @param guidance_interval share of the steps, from the noisiest, that are guided: {@code 0.8}, {@code 0.1-0.7}; the others need no
 *     unconditional half (Kynkäänniemi et al. 2024, Applying Guidance in a Limited Interval)
 * @param strength from 0, the source as it is, over 0.5, what the preset says, to 1, the prompt alone; it moves {@code start},
 *     {@code self_replace}, {@code cross_replace}, {@code inject}, {@code inject_kv} and {@code threshold} where they are not set
 *     themselves
 * @param start noise that the edit starts from, as a share of the steps: 1 for the inverted {@code zT}, 0 for the source
 * @param forget share of the low frequencies of that noise, which hold the source's colours, that is taken out where the edit may change
 *     the frames
 * @param self_replace share of the steps that fuse self-attention, from the noisiest: {@code 0.8} or {@code 0.2-0.8}; {@code 0.8|0.2|0.4}
 *     outside of all regions of {@code blend} and in each, where it is 0 otherwise
 * @param cross_replace share of the steps that fuse cross-attention; words of the prompt may differ:
 *     {@code 0.8+watercolor=0.2+jeep=0.1-1}
 * @param control {@code refine} or {@code replace}
 * @param emphasize factors on the attention to words of the prompt: {@code watercolor=10+jeep=0.5}
 * @param blend words of the source that the edit is confined to, {@code silver+jeep}, and after a {@code /} those of the
 *     prompt, {@code silver+jeep/Porsche+car}; {@code -jeep} confines it to all else; {@code jeep/car|road} are several regions, of which
 *     one may be {@code -}, all that the others leave
 * @param threshold of the blend mask, 0 to 2, or one for each region; 1 and more replace all self-attention
 * @param blend_pool whether each cell of the mask takes the most of its neighbours
 * @param blend_attention whether self-attention outside the mask is all the source's
 * @param blend_latents share of the steps after which latents outside the mask are put back to the source's, {@code 0.2-1}, the default
 *     with {@code blend}; {@code 0} for never, {@code 1} for {@code 0.2-0.8}, as the authors' code does
 * @param blend_pixels whether pixels return to the source's own where the edit has left its latents alone
 * @param confine by how much attention to the prompt's words of a region is weaker outside of it, 0 to 1
 * @param mask whether each frame comes with a mask, within which it, or the first region, is edited
 * @param keys frames that self-attention sees: {@code anchor}, {@code self+mid}, {@code -1+first}
 * @param anchor which frame of a shot, counted from 0, is the one that {@code keys} calls {@code anchor}; the last of the shot's first
 *     window if that is shorter
 * @param keys_at layers whose maps have at most this many cells a side at the model's own size see them, or those of at least
 *     {@code 640ch} channels; others stay within the frame
 * @param fuse_at layers whose maps have at most this many cells a side at the model's own size are fused
 * @param steady how far each frame is drawn towards the one before it along the source's motion, against flicker, 0 to 1
 * @param detail of what frames lose where they are edited at a smaller size, how much the edit gets back as far as it follows them, 0 to 1
 * @param method {@code fatezero}, or {@code infusion}, which injects features, keys and values first and joins the edit's
 *     masks to the source's
 * @param inject share of the steps, from the noisiest, whose features are the source's: {@code 0.2}, {@code 0.1-0.3}
 * @param inject_at the decoder's residual blocks that they are of, as their checkpoint names count: {@code up1.0+up1.1}
 * @param inject_weight how far the edit's features are drawn to them, 0 to 1
 * @param inject_kv share of the steps whose self-attention sees the source's keys and values; {@code self_replace} begins where it ends
 * @param fuse what of the source's self-attention is fused: its {@code maps} alone, for the edit's values, or its {@code outputs}
 * @param attention where the source's attention is captured: in its {@code inversion}, or in its {@code reconstruction}
 *     from the inverted noise
 * @param norm {@code frame}, or {@code window} for statistics over the window, as in the authors' code
 * @param parity whether to follow the authors' code where it departs from what it means to do, and in how frames are scaled
 * @param size short side that frames are edited at, in pixels; 0 for the model's own
 * @param store {@code auto}, {@code keep} the source's attention in memory, or {@code recompute} it beside the edit
 * @param inversion a folder that inversions and edits are kept in, or none
 * @param cache_limit of the files in it, in GB; 0 for none
 * @param show what the frames show: the {@code edit}, its {@code mask} over the source, {@code compare} for source, edit and mask
 *     side by side, or {@code attention=word}
 */
public record Options(
        @Option(value = "watercolor", is = {OF_ONE_EDIT, NOT_IN_EDIT_KEY}) String preset,
        @Option(value = "", is = {OF_THE_FILM, NOT_IN_INVERSION_KEY, NOT_IN_EDIT_KEY}) String presets,
        @Option(value = "auto", is = {OF_ONE_EDIT, OF_THE_FILM, NOT_IN_EDIT_KEY}) String edit,
        @Option(value = "", is = {IN_PRESETS, OF_ONE_EDIT}) String prompt,
        @Option(value = "", is = {IN_PRESETS, OF_ONE_EDIT}) String prompt2,
        @Option(value = "auto", is = {IN_PRESETS, NOT_IN_INVERSION_KEY}) String source,
        @Option(value = "auto", is = {OF_THE_FILM, NOT_IN_INVERSION_KEY, NOT_IN_EDIT_KEY}) String captioner,
        @Option(value = "", is = {IN_PRESETS, OF_ONE_EDIT, NOT_IN_EDIT_KEY}) String from,
        @Option(value = "", is = {IN_PRESETS, OF_ONE_EDIT, NOT_IN_EDIT_KEY}) String to,
        @Option(value = "", is = {OF_ONE_EDIT, NOT_IN_EDIT_KEY}) String promptfile,
        @Option(value = "", is = {IN_PRESETS, OF_ONE_EDIT}) String negative,
        @Option(value = "pocket", is = {OF_THE_FILM, NOT_IN_INVERSION_KEY, NOT_IN_EDIT_KEY}) String model,
        @Option(value = "", is = {OF_THE_FILM, NOT_IN_INVERSION_KEY, NOT_IN_EDIT_KEY}) String lora,
        @Option(value = "auto", is = {OF_THE_FILM, NOT_IN_INVERSION_KEY, NOT_IN_EDIT_KEY}) String device,
        @Option(value = "auto", is = {OF_THE_FILM, NOT_IN_INVERSION_KEY, NOT_IN_EDIT_KEY}) String precision,
        @Option(value = "8", is = {IN_PRESETS, OF_THE_FILM, NOT_IN_INVERSION_KEY, NOT_IN_EDIT_KEY}) int window,
        @Option(value = "exact", is = {NOT_IN_INVERSION_KEY, NOT_IN_EDIT_KEY}) String speed,
        @Option(value = "50", is = IN_PRESETS) int steps,
        @Option(value = "ddim", is = IN_PRESETS) String solver,
        @Option(value = "0", is = {IN_PRESETS, OF_ONE_EDIT}) double guidance,
        @Option(value = "1", is = {IN_PRESETS, OF_ONE_EDIT}) String guidance_interval,
        @Option(value = "0.5", is = {IN_PRESETS, OF_ONE_EDIT, NOT_IN_EDIT_KEY}) double strength,
        @Option(value = "1", is = {IN_PRESETS, OF_ONE_EDIT}) double start,
        @Option(value = "0", is = {IN_PRESETS, OF_ONE_EDIT}) double forget,
        @Option(value = "0.8", is = {IN_PRESETS, OF_ONE_EDIT}) String self_replace,
        @Option(value = "0.8", is = {IN_PRESETS, OF_ONE_EDIT}) String cross_replace,
        @Option(value = "refine", is = {IN_PRESETS, OF_ONE_EDIT}) String control,
        @Option(value = "", is = {IN_PRESETS, OF_ONE_EDIT}) String emphasize,
        @Option(value = "", is = {IN_PRESETS, OF_ONE_EDIT}) String blend,
        @Option(value = "0.3", is = {IN_PRESETS, OF_ONE_EDIT}) String threshold,
        @Option(value = "1", is = {IN_PRESETS, OF_ONE_EDIT}) boolean blend_pool,
        @Option(value = "1", is = {IN_PRESETS, OF_ONE_EDIT}) boolean blend_attention,
        @Option(value = "0", is = {IN_PRESETS, OF_ONE_EDIT}) String blend_latents,
        @Option(value = "1", is = {IN_PRESETS, OF_ONE_EDIT}) boolean blend_pixels,
        @Option(value = "0", is = {IN_PRESETS, OF_ONE_EDIT}) double confine,
        @Option(value = "0", is = {OF_THE_FILM, NOT_IN_INVERSION_KEY}) boolean mask,
        @Option(value = "anchor", is = IN_PRESETS) String keys,
        @Option(value = "3", is = {IN_PRESETS, OF_THE_FILM}) int anchor,
        @Option(value = "32", is = IN_PRESETS) String keys_at,
        @Option(value = "32", is = {IN_PRESETS, NOT_IN_INVERSION_KEY}) int fuse_at,
        @Option(value = "0.7", is = {IN_PRESETS, OF_ONE_EDIT, NOT_IN_EDIT_KEY}) double steady,
        @Option(value = "1", is = {IN_PRESETS, OF_ONE_EDIT, NOT_IN_EDIT_KEY}) double detail,
        @Option(value = "fatezero", is = {IN_PRESETS, OF_ONE_EDIT}) String method,
        @Option(value = "0", is = {IN_PRESETS, OF_ONE_EDIT}) String inject,
        @Option(value = "up1.1", is = {IN_PRESETS, OF_ONE_EDIT}) String inject_at,
        @Option(value = "1", is = {IN_PRESETS, OF_ONE_EDIT}) double inject_weight,
        @Option(value = "0", is = {IN_PRESETS, OF_ONE_EDIT}) String inject_kv,
        @Option(value = "maps", is = {IN_PRESETS, OF_ONE_EDIT}) String fuse,
        @Option(value = "inversion", is = IN_PRESETS) String attention,
        @Option(value = "frame", is = IN_PRESETS) String norm,
        @Option(value = "0", is = IN_PRESETS) boolean parity,
        @Option(value = "0", is = IN_PRESETS) int size,
        @Option(value = "auto", is = {NOT_IN_INVERSION_KEY, NOT_IN_EDIT_KEY}) String store,
        @Option(value = "", is = {OF_THE_FILM, NOT_IN_INVERSION_KEY, NOT_IN_EDIT_KEY}) String inversion,
        @Option(value = "0", is = {NOT_IN_INVERSION_KEY, NOT_IN_EDIT_KEY}) double cache_limit,
        @Option(value = "edit", is = NOT_IN_INVERSION_KEY) String show) {

    /** Of several options: to be found out. */
    public static final String AUTO = "auto";

    public Options {
        range("window", window, 1, 128);
        range("steps", steps, 1, 1000);
        range("guidance", guidance == 0 ? 1 : guidance, 1, 50);
        range("strength", strength, 0, 1);
        range("start", start, 0, 1);
        range("forget", forget, 0, 1);
        for (String one : threshold.split(Words.EACH, -1)) {
            range("threshold", number("threshold", one), 0, 2);
        }
        range("confine", confine, 0, 1);
        range("anchor", anchor, 0, 127);
        range("fuse_at", fuse_at, 0, 4096);
        range("steady", steady, 0, 1);
        range("detail", detail, 0, 1);
        range("inject_weight", inject_weight, 0, 1);
        range("size", size, 0, 4096);
        range("cache_limit", cache_limit, 0, 1_000_000);
        oneOf("speed", speed, "exact", "fast");
        oneOf("solver", solver, "ddim", "implicit");
        oneOf("precision", precision, "auto", "fp32", "fp16", "bf16");
        oneOf("control", control, "refine", "replace");
        oneOf("method", method, "fatezero", "infusion");
        oneOf("fuse", fuse, "maps", "outputs");
        oneOf("attention", attention, "inversion", "reconstruction");
        oneOf("norm", norm, "frame", "window");
        oneOf("store", store, "auto", "keep", "recompute");
        requireKeysAt(keys_at);
        if (!show.matches("edit|mask|compare|attention[=:].*\\S.*")) {
            throw new IllegalArgumentException("show=" + show + ": expected edit, mask, compare, or attention=word");
        }
        if (!device.matches("auto|cpu|cuda(:\\d{1,3})?")) {
            throw new IllegalArgumentException("device=" + device + ": expected auto, cpu, cuda or cuda:N");
        }
    }

    /** @throws IllegalArgumentException unless it is a number of cells, or of channels */
    public static void requireKeysAt(String keysAt) {
        if (!keysAt.matches("\\d{1,7}ch") && !(keysAt.matches("\\d{1,4}") && Integer.parseInt(keysAt) <= 4096)) {
            throw new IllegalArgumentException("keys_at=" + keysAt + ": expected 0 to 4096, or channels such as 640ch");
        }
    }

    /**
     * The options in {@code set}; what is not set has its default.
     *
     * @throws IllegalArgumentException naming an unknown key, or a value and what was expected
     */
    static Options of(Map<String, String> set) {
        Map<String, String> values = defaults();
        values.putAll(set);
        RecordComponent[] components = Options.class.getRecordComponents();
        Object[] arguments = new Object[components.length];
        for (int i = 0; i < components.length; i++) {
            arguments[i] = value(components[i], values.remove(components[i].getName()));
        }
        if (!values.isEmpty()) {
            throw new IllegalArgumentException("unknown option " + String.join(", ", values.keySet()) + "; the options are "
                    + String.join(", ", names()));
        }
        try {
            Class<?>[] types = Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
            return Options.class.getDeclaredConstructor(types).newInstance(arguments);
        } catch (InvocationTargetException e) {
            throw (RuntimeException) e.getCause(); // the checks above throw nothing else
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("a record lacks its canonical constructor", e);
        }
    }

    /** Levels of noise that inversion climbs. */
    public int depth() {
        return (int) Math.round(start * steps);
    }

    /** The names of all options, in order. */
    static List<String> names() {
        return Arrays.stream(Options.class.getRecordComponents()).map(RecordComponent::getName).toList();
    }

    /** The names of the options that are so, in order. */
    public static Set<String> names(Trait trait) {
        return Arrays.stream(Options.class.getRecordComponents())
                .filter(component -> List.of(component.getAnnotation(Option.class).is()).contains(trait))
                .map(RecordComponent::getName).collect(Collectors.toCollection(LinkedHashSet::new));
    }

    /** The value that each option has where it is not set. */
    static Map<String, String> defaults() {
        Map<String, String> values = new LinkedHashMap<>();
        for (RecordComponent component : Options.class.getRecordComponents()) {
            values.put(component.getName(), component.getAnnotation(Option.class).value());
        }
        return values;
    }

    /** Every option's value, in order. */
    public Map<String, Object> byName() {
        Map<String, Object> values = new LinkedHashMap<>();
        for (RecordComponent component : Options.class.getRecordComponents()) {
            try {
                values.put(component.getName(), component.getAccessor().invoke(this));
            } catch (ReflectiveOperationException e) {
                throw new LinkageError("a record lacks an accessor", e);
            }
        }
        return values;
    }

    private static Object value(RecordComponent component, String text) {
        Class<?> type = component.getType();
        if (type == double.class) {
            return number(component.getName(), text);
        }
        if (type == int.class) {
            try {
                return Integer.parseInt(text.trim());
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException(component.getName() + "=" + text + ": expected a whole number", e);
            }
        }
        if (type == boolean.class) {
            return flag(component.getName(), text);
        }
        return text;
    }

    /** @throws IllegalArgumentException if the option's value is neither true nor false */
    static boolean flag(String name, String value) {
        return switch (value.trim()) {
            case "1", "true", "yes" -> true;
            case "0", "false", "no" -> false;
            default -> throw new IllegalArgumentException(name + "=" + value + ": expected 0 or 1");
        };
    }

    /** @throws IllegalArgumentException if the option's value is no number */
    static double number(String name, String value) {
        try {
            return Double.parseDouble(value.trim());
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(name + "=" + value + ": expected a number", e);
        }
    }

    static void range(String name, double value, double least, double most) {
        if (!(value >= least && value <= most)) {
            throw new IllegalArgumentException(name + "=" + number(value) + ": expected " + number(least) + " to " + number(most));
        }
    }

    private static void oneOf(String name, String value, String... known) {
        if (!Arrays.asList(known).contains(value)) {
            throw new IllegalArgumentException(name + "=" + value + ": expected " + String.join(" or ", known));
        }
    }

    private static String number(double value) {
        return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
    }
}
