package org.fatezero.edit.fatezero;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.fatezero.text.Prompt;

import org.junit.jupiter.api.Test;

import java.util.Arrays;
import java.util.List;

/** Prompts of ten tokens; a piece that a hyphen ends is not the last of its word. */
class AlignmentTest {

    private static final int LENGTH = 10;

    private static Prompt prompt(String... pieces) {
        int[] ids = new int[LENGTH];
        Arrays.fill(ids, 2);
        ids[0] = 1;
        for (int i = 0; i < pieces.length; i++) {
            ids[i + 1] = 3 + Math.floorMod(pieces[i].hashCode(), 1 << 20);
        }
        List<String> marked = Arrays.stream(pieces)
                .map(piece -> piece.endsWith("-") ? piece.substring(0, piece.length() - 1) : piece + "</w>").toList();
        return new Prompt(String.join(" ", pieces).replace("- ", ""), ids, marked, List.of());
    }

    /** The source's share in each target token, {@code own} for the edit's: "2" or "2+3" or "-". */
    private static String columns(Alignment alignment) {
        StringBuilder columns = new StringBuilder();
        for (int j = 0; j < LENGTH; j++) {
            StringBuilder column = new StringBuilder();
            for (int i = 0; i < LENGTH; i++) {
                float share = alignment.matrix()[i][j];
                if (share != 0) {
                    column.append(column.isEmpty() ? "" : "+").append(i).append(share == 1 ? "" : "*" + share);
                }
            }
            if (alignment.newTokens()[j] != 0) {
                assertEquals(1, alignment.newTokens()[j]);
                column.append("own");
            }
            columns.append(j == 0 ? "" : " ").append(column.isEmpty() ? "-" : column);
        }
        return columns.toString();
    }

    private static final String IDENTITY = "0 1 2 3 4 5 6 7 8 9";

    @Test
    void equalPromptsAreAlignedToThemselves() {
        Prompt prompt = prompt("a", "jeep", "on", "a", "road");
        assertEquals(IDENTITY, columns(Alignment.refine(prompt, prompt)));
        assertEquals(IDENTITY, columns(Alignment.replace(prompt, prompt)));
        assertEquals(IDENTITY, columns(Alignment.replaceAsPublished(prompt, prompt)));
    }

    @Test
    void refineKeepsTheColumnsOfNewWordsAndMovesThoseOfOldOnes() {
        assertEquals("0 own own 1 2 3 6 7 8 9",
                columns(Alignment.refine(prompt("a", "jeep"), prompt("watercolor", "of", "a", "jeep"))));
    }

    @Test
    void refineTakesAnotherWordInTheSamePlaceForANewOne() {
        assertEquals("0 1 own 3 4 5 6 7 8 9", columns(Alignment.refine(prompt("a", "silver", "jeep"), prompt("a", "red", "jeep"))));
    }

    @Test
    void refineSkipsWordsThatTheTargetDropped() {
        assertEquals("0 1 3 4 4 5 6 7 8 9", columns(Alignment.refine(prompt("a", "silver", "jeep"), prompt("a", "jeep"))));
    }

    @Test
    void refineAlignsAnEmptyPrompt() {
        assertEquals("0 own 1 3 4 5 6 7 8 9", columns(Alignment.refine(prompt(), prompt("jeep"))));
        assertEquals("0 2 2 3 4 5 6 7 8 9", columns(Alignment.refine(prompt("jeep"), prompt())));
    }

    @Test
    void replaceGoesWordByWord() {
        assertEquals(IDENTITY, columns(Alignment.replace(prompt("a", "silver", "jeep"), prompt("a", "red", "car"))));
    }

    @Test
    void replaceSpreadsAWordOverMorePiecesAndTheWordsAfterItFollow() {
        Prompt source = prompt("a", "jeep", "road");
        Prompt target = prompt("a", "por-", "sche", "road");
        assertEquals("0 1 2*0.5 2*0.5 3 5 6 7 8 9", columns(Alignment.replace(source, target)));
        assertEquals("0 1 2*0.5 2*0.5 4 5 6 7 8 9", columns(Alignment.replaceAsPublished(source, target)));
    }

    @Test
    void replaceGathersAWordOfMorePieces() {
        Prompt source = prompt("a", "por-", "sche", "road");
        Prompt target = prompt("a", "jeep", "road");
        assertEquals("0 1 2+3 4 4 5 6 7 8 9", columns(Alignment.replace(source, target)));
        assertEquals("0 1 2+3 3 4 5 6 7 8 -", columns(Alignment.replaceAsPublished(source, target)), "as published, to the end");
    }

    @Test
    void replaceMatchesPiecesOfEqualNumberOneToOne() {
        assertEquals(IDENTITY, columns(Alignment.replace(prompt("sil-", "ver", "jeep"), prompt("gol-", "den", "jeep"))));
    }

    @Test
    void everyColumnOfRefineHasOneOrigin() {
        Alignment alignment = Alignment.refine(prompt("a", "b", "c", "d"), prompt("d", "c", "x", "a", "b"));
        for (int j = 0; j < LENGTH; j++) {
            float sum = alignment.newTokens()[j];
            for (float[] row : alignment.matrix()) {
                sum += row[j];
            }
            assertEquals(1, sum, "column " + j);
        }
        assertArrayEquals(new int[] {LENGTH, LENGTH}, new int[] {alignment.matrix().length, alignment.matrix()[0].length});
    }

    @Test
    void replaceOfAnotherNumberOfWordsIsToldWithBothNumbers() {
        String message = assertThrows(IllegalArgumentException.class,
                () -> Alignment.replace(prompt("a", "jeep"), prompt("jeep"))).getMessage();
        assertTrue(message.contains("has 2") && message.contains("has 1") && message.contains("control=refine"), message);
    }
}
