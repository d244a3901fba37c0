package org.fatezero.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.Damage;
import org.fatezero.Golden;
import org.fatezero.TinyOptions;
import org.fatezero.diffusion.Progress;
import org.fatezero.engine.Host;
import org.fatezero.forward.ForwardContext;
import org.fatezero.model.LdmNamesTest.Row;
import org.fatezero.tensor.TensorWriter;
import org.fatezero.tensor.Weights;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;

/** The tiny model in one file, by its original names. */
class SingleFileTest {

    private static final Host SILENT = new TinyOptions.Silent();

    @TempDir
    private Path folder;

    /** Writes the parts of the tiny model that are in {@code parts}, among tensors that are none of the model's. */
    private Path write(List<String> parts) throws Exception {
        Path file = folder.resolve("model.safetensors");
        try (Golden golden = new Golden("modules.safetensors")) {
            Map<String, NDArray> tensors = new LinkedHashMap<>();
            for (String part : parts) {
                try (Golden own = new Golden(Weights.find(Golden.TINY.resolve(part)))) {
                    for (Row row : Row.all()) {
                        if (row.part().equals(part)) {
                            // a copy, since a view does not keep the memory of an array that is closed
                            NDArray tensor = own.array(stored(own, row.name())).reshape(new Shape(row.shape())).duplicate();
                            tensor.attach(golden.manager);
                            tensors.put(row.original(), tensor);
                        }
                    }
                }
            }
            for (String other : List.of("model_ema.decay", "alphas_cumprod", "first_stage_model.loss.logvar",
                    "first_stage_model.model_ema.num_updates")) {
                tensors.put(other, golden.manager.ones(new Shape(3)));
            }
            TensorWriter.write(file, tensors, Map.of("format", "pt"));
        }
        return file;
    }

    /** The folder's VAE still has the names of 2022. */
    private static String stored(Golden file, String name) {
        String old = name.replace(".to_q.", ".query.").replace(".to_k.", ".key.").replace(".to_v.", ".value.")
                .replace(".to_out.0.", ".proj_attn.");
        return file.has(name) ? name : old;
    }

    private static Model open(Checkpoint files) throws IOException {
        try (files) {
            return new Model(files, List.of(), Device.cpu(), DataType.FLOAT32, SILENT, Progress.NONE);
        }
    }

    @Test
    void itGivesWhatTheFolderGivesBitForBit() throws Exception {
        Path file = write(List.of("unet", "vae", "text_encoder"));
        Checkpoint single = new SingleFile(file, List.of(Golden.TINY.resolve("tokenizer")), 2, 4, 8);
        try (Golden golden = new Golden("modules.safetensors"); Model one = open(single);
                Model other = open(new DiffusersFolder(Golden.TINY))) {
            NDArray latents = golden.array("unet.wide.latents");
            int[] ids = one.tokenizer.encode("a silver jeep", 77).ids();
            assertArrayEquals(other.tokenizer.encode("a silver jeep", 77).ids(), ids);
            NDArray text = other.textEncoder.forward(golden.manager, ids);
            assertArrayEquals(text.toFloatArray(), one.textEncoder.forward(golden.manager, ids).toFloatArray());
            assertArrayEquals(other.unet.forward(latents, 501, text, ForwardContext.plain(2)).toFloatArray(),
                    one.unet.forward(latents, 501, text, ForwardContext.plain(2)).toFloatArray());
            NDArray pixels = golden.array("vae.encode.in0");
            NDArray z = other.vae.encode(pixels);
            assertArrayEquals(z.toFloatArray(), one.vae.encode(pixels).toFloatArray());
            assertArrayEquals(other.vae.decode(z).toFloatArray(), one.vae.decode(z).toFloatArray());
        }
    }

    /** Which shapes do not tell: an edit of such a model would be noise. */
    @Test
    void aModelThatPredictsVIsRefused() throws Exception {
        Path file = write(List.of("unet", "vae", "text_encoder"));
        byte[] whole = Files.readAllBytes(file);
        Path beside = folder.resolve("model.yaml");
        Files.writeString(beside, "model:\n  params:\n    parameterization: \"eps\"\n");
        open(new SingleFile(file, List.of(Golden.TINY.resolve("tokenizer")), 2, 4, 8)).close();
        Files.writeString(beside, "model:\n  params:\n    parameterization: \"v\"\n");
        predictsV(file, "parameterization: v in model.yaml");
        Files.writeString(beside, "\n".repeat(500_000) + " \t".repeat(200_000) + "\n  parameterization: v\n");
        assertTimeoutPreemptively(Duration.ofSeconds(30), () -> predictsV(file, "parameterization: v in model.yaml"));
        Files.delete(beside);
        String text = new String(whole, StandardCharsets.ISO_8859_1);
        for (String noted : List.of("modelspec.prediction_type=v", "ss_v_parameterization=True")) {
            String[] pair = noted.split("=");
            String header = text.substring(8, 8 + (int) ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getLong());
            String other = header.replace("\"__metadata__\":{", "\"__metadata__\":{\"" + pair[0] + "\":\"" + pair[1] + "\",");
            assertFalse(other.equals(header));
            ByteBuffer changed = ByteBuffer.allocate(whole.length + other.length() - header.length()).order(ByteOrder.LITTLE_ENDIAN);
            changed.putLong(other.length()).put(other.getBytes(StandardCharsets.ISO_8859_1));
            changed.put(whole, 8 + header.length(), whole.length - 8 - header.length());
            Files.write(file, changed.array());
            predictsV(file, noted);
        }
    }

    private static void predictsV(Path file, String told) {
        String message = assertThrows(IOException.class, () -> new SingleFile(file, List.of(), 2, 4, 8)).getMessage();
        assertTrue(message.contains("predicts v (" + told + ")"), message);
    }

    @Test
    void loadingTellsOfEachTensorOnce() throws Exception {
        List<String> told = new ArrayList<>();
        try (Checkpoint files = new DiffusersFolder(Golden.TINY)) {
            new Model(files, List.of(), Device.cpu(), DataType.FLOAT32, SILENT, (step, steps) -> told.add(step + " of " + steps)).close();
        }
        int all = told.size() - 1;
        assertEquals(IntStream.rangeClosed(0, all).mapToObj(step -> step + " of " + all).toList(), told);
    }

    /** Whose digits are others than those of tensors' names. */
    @Test
    void itLoadsInAnyLanguage() throws Exception {
        Path file = write(List.of("unet", "vae", "text_encoder"));
        Locale before = Locale.getDefault();
        try {
            Locale.setDefault(Locale.forLanguageTag("ar-EG"));
            open(new SingleFile(file, List.of(Golden.TINY.resolve("tokenizer")), 2, 4, 8)).close();
        } finally {
            Locale.setDefault(before);
        }
    }

    /** {@code -Dcases=750 -Dseed=2} tries more and others. */
    @Test
    void aDamagedFileIsAnErrorOrAModel() throws Exception {
        Path file = write(List.of("unet", "vae", "text_encoder"));
        byte[] whole = Files.readAllBytes(file);
        Damage damage = new Damage(new Random(Integer.getInteger("seed", 1)));
        int refused = 0;
        int cases = Integer.getInteger("cases", 40);
        for (int i = 0; i < cases; i++) {
            Files.write(file, damage.to(whole));
            try {
                open(new SingleFile(file, List.of(Golden.TINY.resolve("tokenizer")), 2, 4, 8)).close();
            } catch (IllegalArgumentException | IOException e) { // and nothing else
                refused++;
                assertFalse(e.getMessage() == null || e.getMessage().isBlank(), "an error says what is wrong");
            }
        }
        assertTrue(refused > cases / 4, refused + " of " + cases + " refused");
    }

    @Test
    void itsVocabularyIsLookedForBesideIt() throws Exception {
        Path file = write(List.of("unet", "vae", "text_encoder"));
        String told = assertThrows(NoSuchFileException.class, () -> open(new SingleFile(file, List.of(), 2, 4, 8))).getMessage();
        assertTrue(told.contains(folder.resolve("tokenizer").toString()) && told.contains("vocab.json"), told);
        Files.createSymbolicLink(folder.resolve("tokenizer"), Golden.TINY.resolve("tokenizer").toAbsolutePath());
        open(new SingleFile(file, List.of(), 2, 4, 8)).close();
    }

    @Test
    void aFileWithoutOneOfItsPartsIsTold() throws Exception {
        Path file = write(List.of("unet", "vae"));
        String told = assertThrows(IOException.class, () -> new SingleFile(file, List.of())).getMessage();
        assertTrue(told.contains("cond_stage_model.transformer."), told);
    }

    @Test
    void sizesThatDoNotFitThePublishedHeadsAreTold() throws Exception {
        Path file = write(List.of("unet", "vae", "text_encoder"));
        String told = assertThrows(IOException.class, () -> open(new SingleFile(file, List.of()))).getMessage();
        assertTrue(told.contains("multiples of 32"), told);
    }

    @ParameterizedTest
    @ValueSource(strings = {"ckpt", "pt", "bin", "CKPT"})
    void aPickleIsRefusedWithTheCommandThatConvertsIt(String suffix) {
        String told = assertThrows(IOException.class,
                () -> Models.acquire("/models/a." + suffix, "", Device.cpu(), DataType.FLOAT32, SILENT)).getMessage();
        assertTrue(told.contains("can run code") && told.endsWith("'/models/a." + suffix + "' '/models/a.safetensors'"), told);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a.gguf", "a"})
    void aFileOfAnotherKindIsToldAsSuch(String name, @TempDir Path folder) throws Exception {
        Path file = Files.createFile(folder.resolve(name));
        String told = assertThrows(IOException.class,
                () -> Models.acquire(file.toString(), "", Device.cpu(), DataType.FLOAT32, SILENT)).getMessage();
        assertTrue(told.startsWith("model=" + file + ": neither a folder nor a file whose name ends in .safetensors"), told);
    }
}
