/*
 * Tests of libfatezero against the stub engine: bridge_test, with FATEZERO_HOME naming the stub's folder.
 * -Xcheck:jni (in JAVA_TOOL_OPTIONS) adds the virtual machine's own checks of each call.
 */
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fatezero.h>

#define WIDTH  33
#define HEIGHT 7

static int passed, failed;
static const char *test;

#define CHECK(condition) do {                                                                   \
        if (condition)                                                                          \
            passed++;                                                                           \
        else {                                                                                  \
            failed++;                                                                           \
            fprintf(stderr, "%s, line %d: %s is false\n", test, __LINE__, #condition);          \
        }                                                                                       \
    } while (0)

typedef struct witness {
    int  steps, cancel_at;
    char log[1024];
} witness;

static void on_log(void *opaque, fatezero_level level, const char *message)
{
    witness *w = opaque;
    size_t used = strlen(w->log);

    snprintf(w->log + used, sizeof(w->log) - used, "%d %s\n", level, message);
}

static int on_step(void *opaque, const char *phase, int step, int steps)
{
    witness *w = opaque;

    CHECK(phase[0] && step >= 0 && step <= steps);
    return ++w->steps != w->cancel_at;
}

static fatezero *open_with(const char *const *options, witness *w, fatezero_error *error)
{
    const fatezero_host host = { .opaque = w, .log = on_log, .step = on_step };

    memset(error, 0, sizeof(*error));
    return fatezero_open(options, w ? &host : NULL, error);
}

static void test_edit(int depth)
{
    const char *options[] = { "window", "3", "steps", "2", "prompt", "Gr\303\274n \360\237\216\250", NULL };
    const int row = WIDTH * 3 * depth / 8, strides[] = { row, row + 6, row + 64 };
    uint8_t *memory[2][3];
    fatezero_image source[3], target[3];
    fatezero_error error;
    fatezero *fz = open_with(options, NULL, &error);
    int wrong = 0;

    CHECK(fz && fatezero_window(fz) == 3);
    CHECK(fatezero_edits(fz) == 1 && fatezero_panels(fz, 0) == 1 && !fatezero_metadata(fz, 0)[0]);
    for (int i = 0; i < 3; i++) {
        // exactly what is needed: a byte too far is found by valgrind
        size_t size = strides[i] * (HEIGHT - 1) + row;
        for (int side = 0; side < 2; side++)
            memory[side][i] = malloc(size);
        for (size_t j = 0; j < size; j++)
            memory[0][i][j] = rand();
        memset(memory[1][i], 0, size);
        source[i] = (fatezero_image) { memory[0][i], strides[i] };
        target[i] = (fatezero_image) { memory[1][i], strides[i] };
    }
    CHECK(!fatezero_edit(fz, source, target, 3, WIDTH, HEIGHT, depth, &error));
    for (int i = 0; i < 3; i++)
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < strides[i] && (x < row || y < HEIGHT - 1); x++)
                wrong += memory[1][i][y * strides[i] + x] !=
                         (x < row ? 0xff ^ memory[0][i][y * strides[i] + x] : 0);       // padding is left alone
    CHECK(!wrong);
    CHECK(!strcmp(fatezero_metadata(fz, 0)[0], "prompt"));
    CHECK(!strcmp(fatezero_metadata(fz, 0)[1], options[5]));
    CHECK(!fatezero_metadata(fz, 1)[0] && !fatezero_metadata(fz, -1)[0]);

    // in place, and fewer than a window
    CHECK(!fatezero_edit(fz, target, target, 1, WIDTH, HEIGHT, depth, &error));
    CHECK(!memcmp(memory[0][0], memory[1][0], strides[0]));

    for (int i = 0; i < 3; i++) {
        free(memory[0][i]);
        free(memory[1][i]);
    }
    fatezero_close(&fz);
    CHECK(!fz);
    fatezero_close(&fz);
}

/* Three edits of two frames: one edit's frames after another's. */
static void test_edits(void)
{
    const char *options[] = { "presets", "a|b|c", "window", "2", "steps", "1", NULL };
    uint8_t pixels[2][3] = { { 1, 2, 3 }, { 0, 128, 255 } }, edited[3][2][3] = { 0 };
    fatezero_image source[2], target[6];
    fatezero_error error;
    fatezero *fz = open_with(options, NULL, &error);
    int wrong = 0;

    test = "edits";
    CHECK(fz && fatezero_edits(fz) == 3);
    for (int i = 0; i < 6; i++)
        target[i] = (fatezero_image) { edited[i / 2][i % 2], 3 };
    for (int i = 0; i < 2; i++)
        source[i] = (fatezero_image) { pixels[i], 3 };
    CHECK(!fatezero_edit(fz, source, target, 2, 1, 1, 8, &error));
    for (int i = 0; i < 18; i++)
        wrong += edited[i / 6][i / 3 % 2][i % 3] != (uint8_t)(255 - pixels[i / 3 % 2][i % 3] + i / 6);
    CHECK(!wrong);
    for (int i = 0; i < 3; i++)
        CHECK(!strcmp(fatezero_metadata(fz, i)[2], "preset") && fatezero_metadata(fz, i)[3][0] == 'a' + i);

    target[5].data = NULL;
    CHECK(fatezero_edit(fz, source, target, 2, 1, 1, 8, &error) == FATEZERO_INVALID && strstr(error.message, "image 5"));
    target[0] = source[0];                                                  // the first edit in place, of one frame
    CHECK(!fatezero_edit(fz, source, target, 1, 1, 1, 8, &error));
    CHECK(pixels[0][0] == 254 && target[1].data[0] == 255 && target[2].data[0] == 0);
    fatezero_close(&fz);
}

/* Each frame within its mask, of any size, of the bytes that its rows need alone. */
static void test_masks(void)
{
    const char *options[] = { "steps", "1", NULL };
    uint8_t pixels[2][6] = { { 1, 2, 3, 4, 5, 6 }, { 7, 8, 9, 10, 11, 12 } }, edited[2][6];
    uint8_t one[] = { 255 }, four[7] = { 0, 1, 9, 9, 9, 0, 255 };
    fatezero_image source[] = { { pixels[0], 6 }, { pixels[1], 6 } }, target[] = { { edited[0], 6 }, { edited[1], 6 } };
    fatezero_mask masks[] = { { one, 1, 1, 1 }, { four, 5, 2, 2 } };
    fatezero_error error;
    fatezero *fz = open_with(options, NULL, &error);
    int wrong = 0;

    test = "masks";
    CHECK(fz && !fatezero_edit_masked(fz, source, masks, target, 2, 2, 1, 8, &error));
    for (int i = 0; i < 12; i++)
        wrong += edited[i / 6][i % 6] != (i < 6 || i % 6 > 2 ? 255 - pixels[i / 6][i % 6] : pixels[i / 6][i % 6]);
    CHECK(!wrong);
    CHECK(!fatezero_edit_masked(fz, source, NULL, target, 2, 2, 1, 8, &error) && edited[1][0] == 248);
    masks[1].stride = 1;
    CHECK(fatezero_edit_masked(fz, source, masks, target, 2, 2, 1, 8, &error) == FATEZERO_INVALID && strstr(error.message, "mask 1"));
    masks[1].data = NULL;
    CHECK(fatezero_edit_masked(fz, source, masks, target, 2, 2, 1, 8, &error) == FATEZERO_INVALID && strstr(error.message, "mask 1"));
    CHECK(!fatezero_edit_masked(fz, source, masks, target, 1, 2, 1, 8, &error));
    fatezero_close(&fz);
}

/* A shot begins with the next window, or has an anchor that is handed over, of the bytes that its rows need alone. */
static void test_shots(void)
{
    const char *options[] = { "steps", "1", NULL };
    const int row = WIDTH * 3 * 2, stride = row + 10;
    uint8_t *pixels = calloc(1, stride * (HEIGHT - 1) + row), pixel[3] = { 0 };
    fatezero_image image = { pixel, 3 }, anchor = { pixels, stride };
    fatezero_error error;
    fatezero *fz = open_with(options, NULL, &error);
    char expected[128];

    test = "shots";
    CHECK(fz && pixels);
    pixels[0] = 200;
    CHECK(!fatezero_begin_shot(fz, NULL, 0, 0, 0, &error) && !fatezero_begin_shot(fz, &anchor, WIDTH, HEIGHT, 16, &error));
    CHECK(!fatezero_edit(fz, &image, &image, 1, 1, 1, 8, &error));
    snprintf(expected, sizeof(expected), "%dx%d of 16 bits, %d bytes in rows of %d, the first 200", WIDTH, HEIGHT,
             stride * (HEIGHT - 1) + row, stride);
    CHECK(!strcmp(fatezero_metadata(fz, 0)[8], "shots") && !strcmp(fatezero_metadata(fz, 0)[9], "2"));
    CHECK(!strcmp(fatezero_metadata(fz, 0)[11], expected));
    anchor.stride = row - 1;
    CHECK(fatezero_begin_shot(fz, &anchor, WIDTH, HEIGHT, 16, &error) == FATEZERO_INVALID && strstr(error.message, "row"));
    CHECK(fatezero_begin_shot(fz, &image, 1, 1, 9, &error) == FATEZERO_INVALID);
    CHECK(fatezero_begin_shot(fz, &image, 0, 1, 8, &error) == FATEZERO_INVALID);
    fatezero_close(&fz);
    free(pixels);
}

/* Frames that move to a second prompt. */
static void test_mix(void)
{
    const char *options[] = { "steps", "1", "prompt2", "b", NULL }, *without[] = { "steps", "1", NULL };
    const double shares[] = { 0, 0.5 };
    uint8_t pixel[3] = { 0 };
    fatezero_image images[] = { { pixel, 3 }, { pixel, 3 } };
    fatezero_error error;
    fatezero *fz = open_with(options, NULL, &error);

    test = "mix";
    CHECK(fz && !fatezero_mix(fz, shares, 2, &error) && !fatezero_edit(fz, images, images, 2, 1, 1, 8, &error));
    CHECK(!strcmp(fatezero_metadata(fz, 0)[13], "[0.0, 0.5]"));
    CHECK(!fatezero_mix(fz, NULL, 0, &error) && fatezero_mix(fz, shares, -1, &error) == FATEZERO_INVALID);
    fatezero_close(&fz);
    fz = open_with(without, NULL, &error);
    CHECK(fz && fatezero_mix(fz, shares, 2, &error) == FATEZERO_INVALID && strstr(error.message, "prompt2"));
    fatezero_close(&fz);
}

/* Other options for the frames that follow, of the same shot. */
static void test_change(void)
{
    const char *options[] = { "steps", "1", "prompt", "a", NULL }, *others[] = { "steps", "1", "prompt", "b", NULL };
    const char *wrong[] = { "source", "throw IllegalArgumentException a wrong word", NULL };
    uint8_t pixel[3] = { 0 };
    fatezero_image image = { pixel, 3 };
    fatezero_error error;
    fatezero *fz = open_with(options, NULL, &error), *next;

    test = "change";
    CHECK(fz && !fatezero_begin_shot(fz, NULL, 0, 0, 0, &error));
    CHECK(!fatezero_change(fz, wrong, &error) && error.code == FATEZERO_INVALID && strstr(error.message, "a wrong word"));
    CHECK((next = fatezero_change(fz, others, &error)));
    CHECK(!fatezero_edit(fz, &image, &image, 1, 1, 1, 8, &error) && !strcmp(fatezero_metadata(fz, 0)[1], "a"));
    fatezero_close(&fz);
    CHECK(!fatezero_edit(next, &image, &image, 1, 1, 1, 8, &error) && !strcmp(fatezero_metadata(next, 0)[1], "b"));
    CHECK(!strcmp(fatezero_metadata(next, 0)[9], "1"));
    fatezero_close(&next);
}

/* Rows of two pictures, the frame and its edit. */
static void test_panels(void)
{
    const char *options[] = { "show", "compare", "presets", "a|b", "steps", "1", NULL };
    uint8_t pixels[2][6] = { { 1, 2, 3, 4, 5, 6 }, { 7, 8, 9, 10, 11, 12 } }, edited[2][2][12] = { 0 };
    fatezero_image source = { pixels[0], 6 }, target[2] = { { edited[0][0], 12 }, { edited[1][0], 12 } };
    fatezero_error error;
    fatezero *fz = open_with(options, NULL, &error);
    int wrong = 0;

    test = "panels";
    CHECK(fz && fatezero_panels(fz, 0) == 2 && fatezero_panels(fz, 1) == 2);
    CHECK(!fatezero_panels(fz, 2) && !fatezero_panels(fz, -1));
    CHECK(!fatezero_edit(fz, &source, target, 1, 2, 2, 8, &error));
    for (int edit = 0; edit < 2; edit++)
        for (int y = 0; y < 2; y++)
            for (int x = 0; x < 12; x++)
                wrong += edited[edit][y][x] != (x < 6 ? pixels[y][x] : 255 - pixels[y][x - 6] + edit);
    CHECK(!wrong);
    target[1].stride = 11;
    CHECK(fatezero_edit(fz, &source, target, 1, 2, 2, 8, &error) == FATEZERO_INVALID && strstr(error.message, "12"));
    fatezero_close(&fz);

    options[1] = "mixed";                                                   // each edit has panels of its own number
    fz = open_with(options, NULL, &error);
    CHECK(fz && fatezero_panels(fz, 0) == 1 && fatezero_panels(fz, 1) == 2);
    target[0].stride = 6;
    target[1].stride = 12;
    CHECK(!fatezero_edit(fz, &source, target, 1, 2, 2, 8, &error));
    CHECK(edited[0][0][6] == 255 - pixels[1][0] && edited[1][1][6] == 256 - pixels[1][0]);
    fatezero_close(&fz);
}

static void test_errors(void)
{
    static const struct { const char *command, *message; fatezero_code code; } cases[] = {
        { "throw IllegalArgumentException no word \"j\303\244ger\"", "no word \"j\303\244ger\"", FATEZERO_INVALID   },
        { "throw NumberFormatException steps=x",    "steps=x",                            FATEZERO_INVALID   },
        { "throw NoSuchFileException /a/b",         "/a/b",                               FATEZERO_NOT_FOUND },
        { "throw FileNotFoundException /a/c",       "/a/c",                               FATEZERO_NOT_FOUND },
        { "throw IOException truncated",            "truncated",                          FATEZERO_BAD_DATA  },
        { "throw CancellationException enough",     "enough",                             FATEZERO_CANCELLED },
        { "throw OutOfMemoryError heap",            "heap",                               FATEZERO_NO_MEMORY },
        { "throw IllegalStateException oops",       "java.lang.IllegalStateException: oops", FATEZERO_INTERNAL },
        { "throw NoMessage",                       "java.lang.IllegalArgumentException", FATEZERO_INVALID   },
    };
    uint8_t pixel[3] = { 1, 2, 3 };
    fatezero_image image = { pixel, 3 };
    fatezero_error error;
    fatezero *fz;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *at_open[] = { "source", cases[i].command, NULL };
        const char *at_edit[] = { "prompt", cases[i].command, NULL };
        witness w = { 0 };
        test = cases[i].command;
        CHECK(!open_with(at_open, &w, &error));
        CHECK(error.code == cases[i].code);
        CHECK(!strcmp(error.message, cases[i].message));
        CHECK((error.code == FATEZERO_INTERNAL) == !!strstr(w.log, "3 \tat org.fatezero.engine.Engine"));

        fz = open_with(at_edit, &w, &error);
        CHECK(fz);
        for (int again = 0; again < 2; again++) {
            CHECK(fatezero_edit(fz, &image, &image, 1, 1, 1, 8, &error) == cases[i].code);
            CHECK(error.code == cases[i].code && !strcmp(error.message, cases[i].message));
        }
        fatezero_close(&fz);
    }
}

static void test_arguments(void)
{
    const char *odd[] = { "window", NULL };
    uint8_t pixels[2 * 6];
    fatezero_image image = { pixels, 6 }, none = { NULL, 6 }, narrow = { pixels, 5 }, upward = { pixels + 6, -6 };
    fatezero_image huge = { pixels, 1 << 30 };
    fatezero_error error;
    fatezero *fz;

    test = "arguments";
    CHECK(!open_with(odd, NULL, &error) && error.code == FATEZERO_INVALID && strstr(error.message, "window"));
    fz = open_with(NULL, NULL, &error);
    CHECK(fz && fatezero_window(fz) == 8);
    CHECK(fatezero_edit(fz, &image, &image, 0, 2, 2, 8, &error) == FATEZERO_INVALID);
    CHECK(fatezero_edit(fz, &image, &image, 1, 0, 2, 8, &error) == FATEZERO_INVALID);
    CHECK(fatezero_edit(fz, &image, &image, 1, 2, -1, 8, &error) == FATEZERO_INVALID);
    CHECK(fatezero_edit(fz, &image, &image, 1, 2, 2, 10, &error) == FATEZERO_INVALID);
    CHECK(fatezero_edit(fz, &none, &image, 1, 2, 2, 8, &error) == FATEZERO_INVALID);
    CHECK(fatezero_edit(fz, &image, &narrow, 1, 2, 2, 8, &error) == FATEZERO_INVALID);
    CHECK(fatezero_edit(fz, &upward, &image, 1, 2, 2, 8, &error) == FATEZERO_INVALID);
    CHECK(fatezero_edit(fz, &huge, &image, 1, 2, 2, 8, &error) == FATEZERO_INVALID);
    CHECK(!fatezero_edit(fz, &image, &image, 1, 2, 2, 8, &error));
    fatezero_close(&fz);
}

static void test_cancel(void)
{
    const char *options[] = { "steps", "5", NULL };
    uint8_t pixel[3] = { 1, 2, 3 };
    fatezero_image image = { pixel, 3 };
    witness w = { .cancel_at = 9 };
    fatezero_error error;
    fatezero *fz = open_with(options, &w, &error);

    test = "cancel";
    CHECK(strstr(w.log, "3 stub engine"));
    CHECK(fatezero_edit(fz, &image, &image, 1, 1, 1, 8, &error) == FATEZERO_CANCELLED);
    CHECK(w.steps == 9);
    CHECK(!fatezero_edit(fz, &image, &image, 1, 1, 1, 8, &error));
    fatezero_close(&fz);
}

static long resident_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");

    while (file && fgets(line, sizeof(line), file))
        sscanf(line, "VmRSS: %ld", &kib);
    if (file)
        fclose(file);
    return kib;
}

/* Many windows, each with many frames: neither local references nor memory of C may pile up. */
static void test_leaks(void)
{
    static char prompt[32 << 10];           // comes back as metadata
    const char *options[] = { "window", "64", "steps", "1", "prompt", prompt, NULL };
    uint8_t pixel[3] = { 1, 2, 3 };
    fatezero_image images[64];
    fatezero_error error;
    fatezero *fz;
    long before = 0;
    int failures = 0;

    test = "leaks";
    memset(prompt, 'a', sizeof(prompt) - 1);
    fz = open_with(options, NULL, &error);
    for (int i = 0; i < 64; i++)
        images[i] = (fatezero_image) { pixel, 3 };
    for (int i = 0; i < 3000; i++) {
        failures += fatezero_edit(fz, images, images, 64, 1, 1, 8, &error) != FATEZERO_OK;
        if (i == 1000)
            before = resident_kib();
    }
    CHECK(!failures);
    if (!getenv("JAVA_TOOL_OPTIONS"))       // checking costs memory of its own
        CHECK(resident_kib() - before < 32 << 10);
    fatezero_close(&fz);
}

static void *edit_in_thread(void *opaque)
{
    uint8_t pixel[3] = { 1, 2, 3 };
    fatezero_image image = { pixel, 3 };
    fatezero_error error;
    fatezero *fz = open_with(NULL, NULL, &error);
    int *good = opaque;

    for (int i = 0; fz && i < 20; i++)
        *good += !fatezero_edit(fz, &image, &image, 1, 1, 1, 8, &error);
    fatezero_close(&fz);
    return NULL;
}

/* The first calls of the process race to start the virtual machine; later threads come and go. */
static void test_threads(void)
{
    pthread_t threads[8];
    int good[8] = { 0 };
    uint8_t pixel[3] = { 1, 2, 3 };
    fatezero_image image = { pixel, 3 };
    fatezero_error error;
    fatezero *fz;

    test = "threads";
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 8; i++)
            pthread_create(&threads[i], NULL, edit_in_thread, &good[i]);
        for (int i = 0; i < 8; i++)
            pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < 8; i++)
        CHECK(good[i] == 100);

    fz = open_with(NULL, NULL, &error);
    CHECK(!fatezero_edit(fz, &image, &image, 1, 1, 1, 8, &error));
    CHECK(!strcmp(fatezero_metadata(fz, 0)[6], "threads") && !strcmp(fatezero_metadata(fz, 0)[7], "1"));  // this one
    fatezero_close(&fz);
}

static void test_fork(void)
{
    fatezero_error error;
    int status = 0;
    pid_t child;

    test = "fork";
    child = fork();
    if (!child)
        _exit(!open_with(NULL, NULL, &error) && error.code == FATEZERO_NO_RUNTIME && strstr(error.message, "fork") ? 0 : 1);
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* Which libtorch is chosen: its folder and flavour, or what the error says. */
static int print_torch(void)
{
    const char *options[] = { NULL };
    fatezero_error error;
    witness w = { .steps = 0 };
    fatezero *fz = open_with(options, &w, &error);

    puts(fz ? w.log : error.message);
    fatezero_close(&fz);
    return 0;
}

static volatile sig_atomic_t raised;

static void on_signal(int number)
{
    raised += number;
}

static void *raise_own(void *unused)
{
    raise(SIGUSR2);
    return unused;
}

/* Whether Java needs a signal for itself: its own code faults on purpose. */
static int is_fault(int number)
{
    return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL || number == SIGTRAP;
}

/*
 * Opens as a guest of a process with a locale and signals of its own, and prints what it found changed, or the error.
 * What the environment says of the locale is the caller's choice, and of Java's options too: so it may fail to start.
 */
static int print_guest(const char *locale)
{
    const char *options[] = { "steps", "1", NULL };
    fatezero_error error;
    char *before;
    struct sigaction handlers[32], now;
    struct rlimit files, files_now;
    int opened = 0;
    pthread_t thread;

    if (!setlocale(LC_ALL, locale))
        return printf("no locale %s\n", locale), 1;
    before = strdup(setlocale(LC_ALL, NULL));
    signal(SIGUSR2, on_signal);
    getrlimit(RLIMIT_NOFILE, &files);
    for (int i = 1; i < 32; i++)
        sigaction(i, NULL, &handlers[i]);
    for (int again = 0; again < 2; again++) {
        fatezero *fz = open_with(options, NULL, &error);
        opened += !!fz;
        if (!fz)
            puts(error.message);
        fatezero_close(&fz);
    }
    if (strcmp(before, setlocale(LC_ALL, NULL)))
        printf("the locale was %s, and is %s\n", before, setlocale(LC_ALL, NULL));
    for (int i = 1; i < 32; i++)
        if (!(opened && is_fault(i)) && !sigaction(i, NULL, &now) && now.sa_handler != handlers[i].sa_handler)
            printf("the handler of signal %d is another\n", i);
    if (pthread_create(&thread, NULL, raise_own, NULL) || pthread_join(thread, NULL) || raised != SIGUSR2)
        printf("a signal of the host's did not reach it\n");
    if (getrlimit(RLIMIT_NOFILE, &files_now) || files_now.rlim_cur != files.rlim_cur)
        printf("%llu files could be open, and now %llu\n", (unsigned long long)files.rlim_cur, (unsigned long long)files_now.rlim_cur);
    printf("opened %d of 2\n", opened);
    free(before);
    return 0;
}

static void *open_once(void *opaque)
{
    fatezero_error error;
    fatezero *fz = open_with(NULL, NULL, &error);

    (void)opaque;
    fatezero_close(&fz);
    return NULL;
}

/* A child that is forked off so many milliseconds after another thread began to start Java:
 * it opens, or is told why not, but does not hang. */
static int fork_meanwhile(int delay)
{
    fatezero_error error;
    pthread_t thread;
    pid_t child;
    int status = 0;

    if (pthread_create(&thread, NULL, open_once, NULL))
        return 1;
    usleep(1000 * delay);
    child = fork();
    if (!child) {
        fatezero *fz;

        alarm(30);
        fz = open_with(NULL, NULL, &error);
        _exit(!(fz || (error.code == FATEZERO_NO_RUNTIME && strstr(error.message, "fork"))));
    }
    waitpid(child, &status, 0);
    pthread_join(thread, NULL);
    printf("%s\n", WIFEXITED(status) && !WEXITSTATUS(status) ? "told" : WIFSIGNALED(status) ? "hung" : "failed otherwise");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "fork"))
        return fork_meanwhile(atoi(argv[2]));
    if (argc == 2 && !strcmp(argv[1], "torch"))
        return print_torch();
    if (argc == 3 && !strcmp(argv[1], "guest"))
        return print_guest(argv[2]);
    test_threads();
    test = "edit, 8 bits";
    test_edit(8);
    test = "edit, 16 bits";
    test_edit(16);
    test_edits();
    test_panels();
    test_masks();
    test_shots();
    test_mix();
    test_change();
    test_errors();
    test_arguments();
    test_cancel();
    test_leaks();
    test_fork();
    printf("bridge: %d passed, %d failed\n", passed, failed);
    return failed > 0;
}
