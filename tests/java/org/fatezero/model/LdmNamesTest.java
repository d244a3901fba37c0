package org.fatezero.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.fatezero.Golden;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPInputStream;

class LdmNamesTest {

    /**
     * A tensor of the tiny model under both names, of which diffusers' converters made the one from the other.
     *
     * @param part its folder in the diffusers layout
     * @param shape in the original checkpoint
     */
    record Row(String part, String original, String name, long[] shape) {

        static List<Row> all() throws IOException {
            try (var in = new GZIPInputStream(Files.newInputStream(Golden.FOLDER.resolve("ldm-names.tsv.gz")))) {
                return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().map(line -> {
                    String[] cells = line.split("\t");
                    long[] shape = Arrays.stream(cells[3].split("x")).mapToLong(Long::parseLong).toArray();
                    return new Row(cells[0], cells[1], cells[2], shape);
                }).toList();
            }
        }
    }

    @Test
    void everyOriginalNameIsTheOneThatDiffusersGivesIt() throws Exception {
        List<Row> rows = Row.all();
        assertTrue(rows.size() > 700, rows.size() + " rows");
        for (Row row : rows) {
            String found = switch (row.part) {
                case "unet" -> LdmNames.unet(row.original.substring("model.diffusion_model.".length()));
                case "vae" -> LdmNames.vae(row.original.substring("first_stage_model.".length()), 4);
                default -> LdmNames.text(row.original.substring("cond_stage_model.transformer.".length()));
            };
            assertEquals(row.name, found, row.original);
        }
    }

    @Test
    void oldTextEncodersLackTheFirstWord() {
        assertEquals("text_model.final_layer_norm.bias", LdmNames.text("final_layer_norm.bias"));
    }
}
