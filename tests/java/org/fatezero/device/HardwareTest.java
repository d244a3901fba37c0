package org.fatezero.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.types.DataType;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HardwareTest {

    @ParameterizedTest
    @CsvSource({"flags : fpu avx512_bf16 clzero, '', true", "flags : fpu avx2 avx512f, '', false", "flags : xavx512_bf16x, '', false",
        "model name : avx512_bf16, '', false", "'', '', false", "flags : avx512_bf16, ALL, true",
        "flags : avx512_bf16, avx512_core_bf16, true", "flags : avx512_bf16, AVX512_CORE, false", "flags : avx512_bf16, AVX2, false",
        "flags : avx512f, AVX512_CORE_BF16, false"})
    void aProcessorTellsThatItComputesInBfloat16(String cpuinfo, String limit, boolean expected) {
        assertEquals(expected, Hardware.computesInBfloat16("processor : 0\n" + cpuinfo + "\nbogomips : 1\n", limit));
    }

    @ParameterizedTest
    @CsvSource({"'', false", "ALL, false", "AVX512_CORE_AMX, false", "AVX10_1_512_AMX_FP16, false", "AVX512_CORE_BF16, true",
        "AVX10_1_512, true", "AVX512_CORE, false"})
    void amxIsNotTakenForItUnlessOneDnnLeavesItAlone(String limit, boolean expected) {
        assertEquals(expected, Hardware.computesInBfloat16("flags : avx512f avx512_bf16 amx_tile amx_bf16 amx_int8\n", limit));
    }

    @ParameterizedTest
    @CsvSource({"avx avx2, '', FLOAT32, true", "avx, '', FLOAT32, false", "avx avx2, AVX, FLOAT32, false",
        "avx avx2, sse41, FLOAT32, false", "avx2 avx512_bf16, AVX2, FLOAT32, true", "avx2, '', BFLOAT16, false",
        "avx2 avx512_bf16, '', BFLOAT16, true", "avx2 avx512_bf16, AVX2, BFLOAT16, false",
        "avx2 avx512_bf16 amx_bf16, '', BFLOAT16, false", "avx2, '', FLOAT16, false"})
    void weightsArePackedForProcessorsThatAreFasterSo(String flags, String limit, DataType precision, boolean expected) {
        assertEquals(expected, Hardware.multipliesPacked(precision, "flags : " + flags + "\n", limit));
    }

    @ParameterizedTest
    @CsvSource({"fp32, FLOAT32", "bf16, BFLOAT16"})
    void thePrecisionAskedForIsTaken(String precision, DataType expected) {
        assertEquals(expected, Hardware.of("cpu", precision).precision());
        assertTrue(Hardware.of("cpu", precision).toString().startsWith("on cpu in " + precision + ", libtorch "));
    }

    @Test
    void onTheCpuAutoIsOneThatItComputesIn() {
        DataType chosen = Hardware.of("cpu", "auto").precision();
        assertTrue(chosen == DataType.FLOAT32 || chosen == DataType.BFLOAT16, chosen.toString());
    }
}
