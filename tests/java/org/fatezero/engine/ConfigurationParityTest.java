package org.fatezero.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import org.fatezero.Golden;
import org.fatezero.TinyOptions;
import org.fatezero.edit.Mix;
import org.fatezero.edit.fatezero.Alignment;
import org.fatezero.edit.fatezero.CrossAttentionControl;
import org.fatezero.edit.plan.PromptWords;
import org.fatezero.forward.ForwardContext;
import org.fatezero.inversion.Trajectory;
import org.fatezero.io.UserTexts;
import org.fatezero.options.OptionResolver;
import org.fatezero.options.Options;
import org.fatezero.options.words.Words;
import org.fatezero.text.Prompt;
import org.fatezero.text.Tokenizer;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Configuration files with the settings that the authors' code was run with ({@code tests/golden/METHOD.md}): the options
 * that they become give the tables that their code computed, and so its numbers.
 */
class ConfigurationParityTest {

    private static final double LIMIT = 1e-3;
    private static final int TOKENS = 77;

    @TempDir
    private Path folder;

    private static JsonObject method() throws IOException {
        return JsonParser.parseString(Files.readString(Golden.FOLDER.resolve("method.json"))).getAsJsonObject();
    }

    private static JsonObject object(Object... pairs) {
        JsonObject object = new JsonObject();
        for (int i = 0; i < pairs.length; i += 2) {
            object.add((String) pairs[i], new com.google.gson.Gson().toJsonTree(pairs[i + 1]));
        }
        return object;
    }

    /** The file that a user of the authors' code would write for this setting; JSON is YAML. */
    private Map<String, String> given(String name) throws IOException {
        JsonObject method = method();
        JsonObject edit = method.getAsJsonObject("settings").getAsJsonObject(name);
        JsonObject clip = method.getAsJsonObject("settings").getAsJsonObject(edit.get("clip").getAsString());
        boolean inversion = !edit.has("use_inversion_attention");
        JsonObject controller = edit.deepCopy();
        List.of("prompt", "use_inversion_attention", "clip", "ids", "num_self_replace", "mask_tokens", "mask_margin")
                .forEach(controller::remove);
        JsonObject model = new JsonObject();
        if (clip.get("least_sc_channel").getAsInt() > 0) {
            model.add("SparseCausalAttention_index", clip.get("keys"));
            model.add("least_sc_channel", clip.get("least_sc_channel"));
        }
        String source = clip.get("prompt").getAsString();
        JsonObject file = object("dataset_config", object("prompt", source, "n_sample_frame", clip.get("frames").getAsInt()),
                "editing_config", object("use_invertion_latents", true, "use_inversion_attention", inversion, "prompt2prompt_edit", true,
                        "guidance_scale", method.get("guidance").getAsDouble(), "num_inference_steps", method.get("steps").getAsInt(),
                        "editing_prompts", new String[] {source, edit.get("prompt").getAsString()},
                        "p2p_config", object("0", new JsonObject(), "1", controller)),
                "model_config", model);
        Path path = Files.writeString(folder.resolve(name + ".yaml"), file.toString());
        return Map.of("preset", path.toString(), "model", Golden.TINY.toString(), "device", "cpu", "precision", "fp32");
    }

    @ParameterizedTest
    @ValueSource(strings = {"style", "attribute", "shape", "shape_local", "words", "image", "reconstruction"})
    void itsOptionsAreTheTablesOfTheAuthorsCode(String name) throws Exception {
        JsonObject edit = method().getAsJsonObject("settings").getAsJsonObject(name);
        Options options = OptionResolver.resolve(given(name), new UserTexts(), new TinyOptions.Silent());
        int steps = options.steps();
        try (Golden golden = new Golden("method.safetensors"); Tokenizer tokenizer = new Tokenizer(Golden.TINY.resolve("tokenizer"))) {
            PromptWords words = new PromptWords(tokenizer, options.parity(), (level, message) -> { });
            Prompt source = tokenizer.encode(options.source(), TOKENS);
            Prompt target = tokenizer.encode(options.prompt(), TOKENS);
            assertArrayEquals(integers(edit.getAsJsonArray("ids")), target.ids());

            float[] alpha = golden.array(name + ".cross_alpha").toFloatArray(); // (steps + 1, tokens)
            boolean[][] open = new boolean[steps + 1][TOKENS];
            for (CrossAttentionControl.Gate gate : words.gates(options.cross_replace(), target)) {
                for (int j = 0; j <= steps; j++) {
                    for (int token : gate.tokens()) {
                        open[j][token] = (int) (gate.from() * (steps + 1)) <= j && j < (int) (gate.to() * (steps + 1));
                    }
                }
            }
            for (int i = 0; i < alpha.length; i++) {
                assertEquals(alpha[i] == 1, open[i / TOKENS][i % TOKENS], "gate " + i);
            }
            Words.Share self = Words.Share.parse("self_replace", options.self_replace());
            assertArrayEquals(integers(edit.getAsJsonArray("num_self_replace")),
                    new int[] {(int) (steps * self.from()), (int) (steps * self.to())});
            float[] emphasis = words.emphasis(options.emphasize(), target);
            for (int token = 0; token < TOKENS; token++) {
                float expected = golden.has(name + ".equalizer") ? golden.array(name + ".equalizer").toFloatArray()[token] : 1;
                assertEquals(expected, emphasis[token]);
            }
            if (options.control().equals("replace")) {
                Alignment alignment = Alignment.replaceAsPublished(source, target);
                float[] mapper = golden.array(name + ".mapper").toFloatArray();
                for (int i = 0; i < mapper.length; i++) {
                    assertEquals(mapper[i], alignment.matrix()[i / TOKENS][i % TOKENS], "mapper " + i);
                }
            } else {
                assertEquals(TOKENS, golden.integers(name + ".mapper").length, "refine");
            }
            assertEquals(edit.has("blend_words"), !options.blend().isEmpty());
            if (edit.has("blend_words")) {
                int[] masked = integers(edit.getAsJsonArray("mask_tokens").get(0).getAsJsonArray());
                assertArrayEquals(masked, words.sourceBlend(options.blend(), source));
                assertEquals(edit.getAsJsonArray("blend_th").get(0).getAsDouble(), Double.parseDouble(options.threshold()));
                assertEquals(edit.has("blend_latents"), options.blend_latents().equals("1"));
            }
            if (options.blend_latents().equals("1")) {
                int[] masked = integers(edit.getAsJsonArray("mask_tokens").get(1).getAsJsonArray());
                assertArrayEquals(masked, words.targetBlend(options.blend(), target));
            }
        }
    }

    /** The latents, through the engine as the filter opens it: keys, norms and masks included. */
    @ParameterizedTest
    @ValueSource(strings = {"image", "style"})
    void theEditIsThatOfTheAuthorsCode(String name) throws Exception {
        JsonObject edit = method().getAsJsonObject("settings").getAsJsonObject(name);
        try (Golden golden = new Golden("method.safetensors"); Engine engine = new Engine(given(name), new TinyOptions.Silent())) {
            NDArray z0 = golden.array(edit.get("clip").getAsString() + ".z0");
            WindowEditor editor = engine.editor();
            Shape shape = z0.getShape();
            ForwardContext context = ForwardContext.of(editor.window((int) shape.get(0), false, (int) shape.get(2), (int) shape.get(3)));
            Trajectory inversion = editor.latents().invert(z0, context, true, List.of());
            NDArray last = editor.latents().edit(inversion, Mix.NONE, false, context, true).get(0).z();
            double error = Golden.assertClose(golden.array(name + ".last"), last, LIMIT, name);
            System.getLogger("parity").log(System.Logger.Level.INFO, name + ": relative error " + error);
        }
    }

    private static int[] integers(JsonArray array) {
        return array.asList().stream().mapToInt(com.google.gson.JsonElement::getAsInt).toArray();
    }
}
