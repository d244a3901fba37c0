package org.fatezero.edit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import org.fatezero.Golden;
import org.fatezero.diffusion.Schedule;
import org.fatezero.edit.fatezero.Alignment;
import org.fatezero.edit.fatezero.CrossAttentionControl;
import org.fatezero.edit.fatezero.FateZero;
import org.fatezero.edit.fatezero.FusedSteps;
import org.fatezero.edit.fatezero.LatentBlend;
import org.fatezero.edit.fatezero.SelfBlend;
import org.fatezero.edit.region.BlendMask;
import org.fatezero.edit.region.Region;
import org.fatezero.edit.region.Regions;
import org.fatezero.edit.region.StepRange;
import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.KeyFrames;
import org.fatezero.forward.Window;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.inversion.DdimInversion;
import org.fatezero.inversion.Reconstruction;
import org.fatezero.inversion.TokenSet;
import org.fatezero.inversion.Trajectory;
import org.fatezero.io.ModelConfig;
import org.fatezero.text.Prompt;
import org.fatezero.text.TextEncoder;
import org.fatezero.text.Tokenizer;
import org.fatezero.unet.UNet;
import org.fatezero.unet.UNetConfig;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The whole method against the authors' public code, run on the tiny checkpoint ({@code tests/golden/METHOD.md}): the
 * inverted latents, the latents after every editing step, and the masks. The edits of a clip share its inversion, as several edits
 * of a window do.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MethodParityTest {

    private static final double LIMIT = 1e-3;
    private static final double GUIDANCE = 7.5;

    private final Golden golden = new Golden("method.safetensors");
    private final Tokenizer tokenizer = new Tokenizer(Golden.TINY.resolve("tokenizer"));
    private final UNet unet = new UNet(UNetConfig.read(Golden.config("unet")), golden.weights("unet"));
    private final TextEncoder encoder =
            new TextEncoder(TextEncoder.Config.read(Golden.config("text_encoder")), golden.weights("text_encoder"));
    private final JsonObject method = JsonParser.parseString(Files.readString(Golden.FOLDER.resolve("method.json"))).getAsJsonObject();
    private final JsonObject settings = method.getAsJsonObject("settings");
    private final int steps = method.get("steps").getAsInt();
    private final int stride = method.get("stride").getAsInt();
    private final Schedule schedule = new Schedule(new ModelConfig(Golden.TINY.resolve("scheduler/scheduler_config.json")), steps);
    private final Map<String, Case> cases = new LinkedHashMap<>();
    private final Map<String, Trajectory> inverted = new HashMap<>();

    /**
     * An edit.
     *
     * @param mask null without blend
     */
    private record Case(JsonObject edit, FateZero fateZero, Prompt source, Prompt target, BlendMask mask, TokenSet sourceWords,
            int selfSteps) {
        String clip() {
            return edit.get("clip").getAsString();
        }

        /** Whether the source's attention is taken as it is denoised again. */
        boolean reconstructs() {
            return edit.has("use_inversion_attention") && !edit.get("use_inversion_attention").getAsBoolean();
        }
    }

    MethodParityTest() throws Exception {
        for (String name : List.of("style", "attribute", "shape", "shape_local", "words", "image", "reconstruction")) {
            cases.put(name, read(name));
        }
    }

    @AfterAll
    void close() throws Exception {
        tokenizer.close();
        golden.close();
    }

    private Case read(String name) throws Exception {
        JsonObject edit = settings.getAsJsonObject(name);
        edit.addProperty("name", name);
        Prompt source = tokenizer.encode(settings.getAsJsonObject(edit.get("clip").getAsString()).get("prompt").getAsString(), 77);
        Prompt target = tokenizer.encode(edit.get("prompt").getAsString(), 77);
        assertArrayEquals(integers(edit.getAsJsonArray("ids")), target.ids());
        CrossAttentionControl cross = cross(golden, tokenizer, edit, source, target, steps);
        boolean masks = edit.has("blend_words");
        int selfSteps = edit.getAsJsonArray("num_self_replace").get(1).getAsInt();
        int selfStart = edit.getAsJsonArray("num_self_replace").get(0).getAsInt();
        FusedSteps fused = new FusedSteps(steps - selfSteps, steps - selfStart, steps - cross.activeSteps(), 32);
        TokenSet sourceWords = masks ? TokenSet.of(tokens(edit, 0), 8) : null;
        BlendMask mask = masks ? new BlendMask(golden.torch, edit.getAsJsonArray("blend_th").get(0).getAsDouble()) : null;
        LatentBlend latents = edit.has("blend_latents") ? new LatentBlend(0.2, 0.8, true) : null;
        Regions regions = !masks ? Regions.none(golden.torch) : new Regions(golden.torch, List.of(new Region(mask, sourceWords,
                latents == null ? null : TokenSet.of(tokens(edit, 1), 8), new StepRange(0, 0))));
        SelfBlend self = masks ? new SelfBlend(new StepRange(fused.selfFrom(), fused.selfTo()), false) : null;
        FateZero fateZero = new FateZero(golden.torch, steps, fused, cross, regions, self, latents, null);
        return new Case(edit, fateZero, source, target, mask, sourceWords, selfSteps);
    }

    /** The inversion of the case's clip, or its source denoised again, with what all of the clip's edits need; made once. */
    private Trajectory trajectory(Case of) throws Exception {
        String key = of.clip() + (of.reconstructs() ? ", denoised" : "");
        if (!inverted.containsKey(key)) {
            List<CaptureSpec> captured = cases.values().stream()
                    .filter(other -> other.clip().equals(of.clip()) && other.reconstructs() == of.reconstructs())
                    .map(other -> other.fateZero.source()).toList();
            inverted.put(key, of.reconstructs()
                    ? new Reconstruction(unet, schedule, golden.torch).run(trajectory(cases.get("shape")).zT(), text(of.source.ids()),
                            text(tokenizer.encode("", 77).ids()), GUIDANCE, k -> true, context(of), captured, (step, all) -> { })
                    : inverted(of, captured));
        }
        return inverted.get(key);
    }

    private Trajectory inverted(Case of, List<CaptureSpec> captured) throws Exception {
        Trajectory trajectory = new DdimInversion(unet, schedule, golden.torch)
                .run(golden.array(of.clip() + ".z0"), text(of.source.ids()), context(of), captured, (step, all) -> { });
        NDArray expected = golden.array(of.clip() + ".inverted");
        for (int k = 0; k <= steps; k++) {
            Golden.assertClose(expected.get(k), strided(trajectory.latents().get(k), stride), LIMIT, "inverted to level " + k);
        }
        Golden.assertClose(golden.array(of.clip() + ".zT"), trajectory.zT(), LIMIT, "zT");
        return trajectory;
    }

    private NDArray text(int[] ids) {
        return encoder.forward(golden.manager, ids);
    }

    @ParameterizedTest
    @CsvSource({"style, keep", "style, recompute", "attribute, keep", "shape, keep", "shape, recompute",
        "shape_local, keep", "shape_local, recompute", "words, keep", "words, recompute", "image, keep",
        "reconstruction, keep", "reconstruction, recompute"})
    void followsTheAuthorsCode(String name, String store) throws Exception {
        Case of = cases.get(name);
        Trajectory trajectory = trajectory(of);
        NDArray text = text(of.source.ids()).concat(text(tokenizer.encode("", 77).ids()), 0).concat(text(of.target.ids()), 0);
        NDArray edited = golden.array(name + ".edited");
        NDArray last = new DdimEditing(unet, schedule, golden.torch).run(trajectory, new Edit(of.fateZero, text, GUIDANCE), context(of),
                store.equals("keep") ? DdimEditing.Source.KEPT : DdimEditing.Source.BESIDE, List.of(), (step, all) -> { },
                (level, z) -> Golden.assertClose(edited.get(steps - 1 - level), strided(z, stride), LIMIT, "edited to level " + level));
        Golden.assertClose(golden.array(name + ".last"), last, LIMIT, "edited");
        for (int j = 0; of.mask != null && j < of.selfSteps; j++) {
            for (int side : new int[] {5, 10, 20}) {
                assertArrayEquals(golden.bytes(name + ".mask." + j + "." + side), of.mask
                        .at(trajectory.zT().getManager(), trajectory.attention().get(steps - 1 - j).tokens(of.sourceWords), side, side)
                        .toType(DataType.UINT8, true).toByteArray(), "mask of step " + j);
            }
        }
    }

    private ForwardContext context(Case of) {
        return context(settings.getAsJsonObject(of.clip()));
    }

    private static ForwardContext context(JsonObject clip) {
        int frames = clip.get("frames").getAsInt();
        List<String> selectors = new ArrayList<>();
        clip.getAsJsonArray("keys").forEach(key -> selectors.add(key.getAsString()));
        // in the tiny model only the sites at full resolution have fewer than 16 channels
        int keysAt = clip.get("least_sc_channel").getAsInt() == 16 ? 20 : 64;
        return ForwardContext.of(new Window(frames, new KeyFrames(selectors, frames), keysAt, true, true));
    }

    private static CrossAttentionControl cross(Golden golden, Tokenizer tokenizer, JsonObject edit, Prompt source, Prompt target,
            int steps) throws Exception {
        List<CrossAttentionControl.Gate> gates = new ArrayList<>();
        JsonObject bounds = edit.getAsJsonObject("cross_replace_steps");
        for (String word : bounds.keySet()) {
            int[] tokens = word.equals("default_") ? all() : target.find(word, tokenizer);
            JsonElement bound = bounds.get(word);
            gates.add(bound.isJsonArray()
                    ? new CrossAttentionControl.Gate(tokens,
                            bound.getAsJsonArray().get(0).getAsDouble(), bound.getAsJsonArray().get(1).getAsDouble())
                    : new CrossAttentionControl.Gate(tokens, 0, bound.getAsDouble()));
        }
        float[] emphasis = new float[77];
        Arrays.fill(emphasis, 1);
        if (edit.has("eq_params")) {
            JsonObject parameters = edit.getAsJsonObject("eq_params");
            for (int i = 0; i < parameters.getAsJsonArray("words").size(); i++) {
                for (int token : target.find(parameters.getAsJsonArray("words").get(i).getAsString(), tokenizer)) {
                    emphasis[token] = parameters.getAsJsonArray("values").get(i).getAsFloat();
                }
            }
            assertArrayEquals(golden.array(nameOf(edit) + ".equalizer").toFloatArray(), emphasis, "equalizer");
        }
        Alignment alignment;
        if (edit.get("is_replace_controller").getAsBoolean()) {
            alignment = Alignment.replaceAsPublished(source, target);
            float[] mapper = golden.array(nameOf(edit) + ".mapper").toFloatArray();
            for (int i = 0; i < 77; i++) {
                assertArrayEquals(Arrays.copyOfRange(mapper, i * 77, (i + 1) * 77), alignment.matrix()[i], "mapper of " + i);
            }
        } else {
            alignment = Alignment.refine(source, target);
            int[] mapper = golden.integers(nameOf(edit) + ".mapper");
            for (int j = 0; j < 77; j++) {
                assertEquals(mapper[j] < 0 ? 1 : 0, alignment.newTokens()[j], "own share of " + j);
                assertEquals(mapper[j] < 0 ? 0 : 1, alignment.matrix()[Math.max(0, mapper[j])][j], "partner of " + j);
            }
        }
        return new CrossAttentionControl(golden.manager, golden.torch, alignment, emphasis, gates, steps);
    }

    private static String nameOf(JsonObject edit) {
        return edit.get("name").getAsString();
    }

    private static int[] tokens(JsonObject edit, int prompt) {
        return integers(edit.getAsJsonArray("mask_tokens").get(prompt).getAsJsonArray());
    }

    private static int[] all() {
        int[] tokens = new int[77];
        Arrays.setAll(tokens, i -> i);
        return tokens;
    }

    private static int[] integers(JsonArray array) {
        int[] numbers = new int[array.size()];
        Arrays.setAll(numbers, i -> array.get(i).getAsInt());
        return numbers;
    }

    /** Every {@code stride}-th row and column. */
    private static NDArray strided(NDArray z, int stride) {
        return z.get(":, :, ::{}, ::{}", stride, stride);
    }
}
