package org.fatezero.io;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A model's {@code config.json}: typed reading with errors that name the file and the key. */
public final class ModelConfig {

    private static final long SIZE_LIMIT = 1 << 20;
    private static final int EXTENT_LIMIT = 1 << 20;

    private final Path file;
    private final String prefix; // of keys in errors
    private final JsonObject json;

    /** @throws IOException if {@code file} is missing, too large or not a JSON object */
    public ModelConfig(Path file) throws IOException {
        this(file, TextFile.read(file, SIZE_LIMIT, "a Stable Diffusion 1.x folder in the diffusers layout has it"));
    }

    /** Likewise, of a model for another purpose: {@code a BLIP model}. */
    public static ModelConfig ofTransformers(Path file, String model) throws IOException {
        return new ModelConfig(file, TextFile.read(file, SIZE_LIMIT, model + " in the transformers layout has it"));
    }

    /**
     * A configuration that a file implies.
     *
     * @param file is named in errors
     */
    public ModelConfig(Path file, String text) throws IOException {
        this.file = file;
        prefix = "";
        try {
            json = JsonParser.parseString(text).getAsJsonObject();
        } catch (JsonParseException | IllegalStateException | StackOverflowError e) {
            throw new IOException(file + ": not a JSON object: " + TextFile.reason(e), e);
        }
    }

    private ModelConfig(Path file, String prefix, JsonObject json) {
        this.file = file;
        this.prefix = prefix;
        this.json = json;
    }

    /** The configuration inside this one; an empty one if {@code key} is absent. */
    public ModelConfig at(String key) throws IOException {
        JsonElement value = json.get(key);
        if (value == null || value.isJsonNull()) {
            return new ModelConfig(file, prefix + key + ".", new JsonObject());
        }
        if (!value.isJsonObject()) {
            throw wrong(key, "an object");
        }
        return new ModelConfig(file, prefix + key + ".", value.getAsJsonObject());
    }

    public boolean has(String key) {
        return json.has(key);
    }

    /** Whether {@code key} has an object of its own. */
    public boolean nests(String key) {
        return json.get(key) instanceof JsonObject;
    }

    /** An integer from 0. */
    public int integer(String key, Integer fallback) throws IOException {
        double value = number(key, fallback == null ? null : fallback.doubleValue());
        if (value != Math.rint(value) || value < 0 || value > EXTENT_LIMIT) {
            throw wrong(key, "an integer from 0 to " + EXTENT_LIMIT);
        }
        return (int) value;
    }

    public double number(String key, Double fallback) throws IOException {
        JsonElement value = value(key, fallback);
        if (value == null) {
            return fallback;
        }
        try {
            return value.getAsDouble();
        } catch (RuntimeException e) {
            throw (IOException) wrong(key, "a number").initCause(e);
        }
    }

    public boolean flag(String key, Boolean fallback) throws IOException {
        JsonElement value = value(key, fallback);
        if (value == null) {
            return fallback;
        }
        if (!value.isJsonPrimitive() || !value.getAsJsonPrimitive().isBoolean()) {
            throw wrong(key, "true or false");
        }
        return value.getAsBoolean();
    }

    public String text(String key, String fallback) throws IOException {
        JsonElement value = value(key, fallback);
        if (value == null) {
            return fallback;
        }
        if (!value.isJsonPrimitive()) {
            throw wrong(key, "a text");
        }
        return value.getAsString();
    }

    public List<String> texts(String key) throws IOException {
        List<String> texts = new ArrayList<>();
        for (JsonElement element : array(key)) {
            if (!element.isJsonPrimitive()) {
                throw wrong(key, "a list of texts");
            }
            texts.add(element.getAsString());
        }
        return texts;
    }

    /** As many numbers as {@code fallback} has. */
    public double[] numbers(String key, double... fallback) throws IOException {
        if (value(key, fallback) == null) {
            return fallback;
        }
        JsonArray array = array(key);
        double[] numbers = new double[array.size()];
        for (int i = 0; i < numbers.length; i++) {
            try {
                numbers[i] = array.get(i).getAsDouble();
            } catch (RuntimeException e) {
                throw (IOException) wrong(key, "a list of numbers").initCause(e);
            }
        }
        if (numbers.length != fallback.length) {
            throw wrong(key, fallback.length + " numbers");
        }
        return numbers;
    }

    public int[] integers(String key) throws IOException {
        JsonArray array = array(key);
        int[] numbers = new int[array.size()];
        for (int i = 0; i < numbers.length; i++) {
            try {
                numbers[i] = array.get(i).getAsInt();
            } catch (RuntimeException e) {
                throw (IOException) wrong(key, "a list of integers").initCause(e);
            }
            if (numbers[i] < 1 || numbers[i] > EXTENT_LIMIT) {
                throw wrong(key, "a list of integers from 1 to " + EXTENT_LIMIT);
            }
        }
        return numbers;
    }

    /** Fails unless {@code key} is absent or one of {@code supported}: what the blocks implement. */
    public void require(String key, String... supported) throws IOException {
        String value = text(key, supported[0]);
        if (!List.of(supported).contains(value)) {
            throw wrong(key, String.join(" or ", supported));
        }
    }

    /** Fails if {@code key} is set: no block implements it. */
    public void requireAbsent(String key) throws IOException {
        JsonElement value = json.get(key);
        if (value != null && !value.isJsonNull()) {
            throw wrong(key, "nothing");
        }
    }

    /** The error for {@code key}, telling what was expected. */
    public IOException wrong(String key, String expected) {
        String found = String.valueOf(json.get(key));
        return new IOException(file + ": " + prefix + key + " is " + (found.length() > 100 ? found.substring(0, 100) + "..." : found)
                + ", expected " + expected);
    }

    private JsonArray array(String key) throws IOException {
        JsonElement value = value(key, null);
        if (!value.isJsonArray() || value.getAsJsonArray().isEmpty() || value.getAsJsonArray().size() > 16) {
            throw wrong(key, "a list of 1 to 16 entries");
        }
        return value.getAsJsonArray();
    }

    private JsonElement value(String key, Object fallback) throws IOException {
        JsonElement value = json.get(key);
        if (value == null || value.isJsonNull()) {
            if (fallback == null) {
                throw new IOException(file + ": " + prefix + key + " is missing");
            }
            return null;
        }
        return value;
    }
}
