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

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The whole method against the authors' public code, run on the tiny checkpoint ({@code tests/golden/METHOD.md}): the
 * inverted latents, the latents after every editing step, and the masks.
 */
class MethodParityTest {

    private static final double LIMIT = 1e-3;

    @ParameterizedTest
    @CsvSource({"style, keep", "style, recompute", "attribute, keep", "shape, keep", "shape, recompute",
        "shape_local, keep", "shape_local, recompute", "words, keep", "words, recompute", "image, keep",
        "reconstruction, keep", "reconstruction, recompute"})
    void followsTheAuthorsCode(String name, String store) throws Exception {
        JsonObject method = JsonParser.parseString(Files.readString(Golden.FOLDER.resolve("method.json"))).getAsJsonObject();
        JsonObject settings = method.getAsJsonObject("settings");
        JsonObject edit = settings.getAsJsonObject(name);
        edit.addProperty("name", name);
        String clip = edit.get("clip").getAsString();
        int steps = method.get("steps").getAsInt();
        int stride = method.get("stride").getAsInt();
        try (Golden golden = new Golden("method.safetensors"); Tokenizer tokenizer = new Tokenizer(Golden.TINY.resolve("tokenizer"))) {
            UNet unet = new UNet(UNetConfig.read(Golden.config("unet")), golden.weights("unet"));
            TextEncoder encoder = new TextEncoder(TextEncoder.Config.read(Golden.config("text_encoder")),
                    golden.weights("text_encoder"));
            Schedule schedule = new Schedule(
                    new ModelConfig(Golden.TINY.resolve("scheduler/scheduler_config.json")), steps);
            Prompt source = tokenizer.encode(settings.getAsJsonObject(clip).get("prompt").getAsString(), 77);
            Prompt target = tokenizer.encode(edit.get("prompt").getAsString(), 77);
            assertArrayEquals(integers(edit.getAsJsonArray("ids")), target.ids());

            ForwardContext context = context(settings.getAsJsonObject(clip));
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
            EditMethod fateZero = new FateZero(golden.torch, steps, fused, cross, regions, self, latents, null);
            boolean keep = store.equals("keep");
            List<CaptureSpec> captured = List.of(keep ? fateZero.source() : fateZero.source().recomputing());

            NDArray sourceText = encoder.forward(golden.manager, source.ids());
            boolean reconstructs = edit.has("use_inversion_attention") && !edit.get("use_inversion_attention").getAsBoolean();
            Trajectory trajectory = new DdimInversion(unet, schedule, golden.torch).run(golden.array(clip + ".z0"), sourceText,
                    context, reconstructs ? List.of() : captured, (step, of) -> { });
            NDArray inverted = golden.array(clip + ".inverted");
            for (int k = 0; k <= steps; k++) {
                Golden.assertClose(inverted.get(k), strided(trajectory.latents().get(k), stride), LIMIT, "inverted to level " + k);
            }
            Golden.assertClose(golden.array(clip + ".zT"), trajectory.zT(), LIMIT, "zT");

            NDArray text = sourceText.concat(encoder.forward(golden.manager, tokenizer.encode("", 77).ids()), 0)
                    .concat(encoder.forward(golden.manager, target.ids()), 0);
            if (reconstructs) {
                trajectory = new Reconstruction(unet, schedule, golden.torch)
                        .run(trajectory.zT(), sourceText, text.get("1:2"), 7.5, context, captured, (step, of) -> { });
            }
            NDArray edited = golden.array(name + ".edited");
            NDArray last = new DdimEditing(unet, schedule, golden.torch).run(trajectory, new Edit(fateZero, text, 7.5), context,
                    keep ? DdimEditing.Source.KEPT : DdimEditing.Source.BESIDE, List.of(), (step, of) -> { },
                    (level, z) -> Golden.assertClose(edited.get(steps - 1 - level), strided(z, stride), LIMIT,
                            "edited to level " + level));
            Golden.assertClose(golden.array(name + ".last"), last, LIMIT, "edited");
            for (int j = 0; masks && j < selfSteps; j++) {
                for (int side : new int[] {5, 10, 20}) {
                    assertArrayEquals(golden.bytes(name + ".mask." + j + "." + side), mask
                            .at(trajectory.zT().getManager(), trajectory.attention().get(steps - 1 - j).tokens(sourceWords), side, side)
                            .toType(DataType.UINT8, true).toByteArray(), "mask of step " + j);
                }
            }
        }
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
                    ? new CrossAttentionControl.Gate(tokens, bound.getAsJsonArray().get(0).getAsDouble(), bound.getAsJsonArray().get(1).getAsDouble())
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
