/*
 * Edits raw frames: example WIDTH HEIGHT [key=value ...] < in.rgb > out.rgb
 *
 *     ffmpeg -i in.mp4 -f rawvideo -pix_fmt rgb24 - | example 320 180 preset=watercolor |
 *     ffmpeg -f rawvideo -pix_fmt rgb24 -s 320x180 -r 25 -i - out.mp4
 *
 * cc example.c $(pkg-config --cflags --libs fatezero) -o example
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fatezero.h>

static void on_log(void *opaque, fatezero_level level, const char *message)
{
    (void)opaque;
    if (level < FATEZERO_VERBOSE)
        fprintf(stderr, "%s\n", message);
}

static int on_step(void *opaque, const char *phase, int step, int steps)
{
    (void)opaque;
    fprintf(stderr, "\r%s %d/%d   ", phase, step, steps);
    return 1;
}

int main(int argc, char **argv)
{
    const fatezero_host host = { .log = on_log, .step = on_step };
    int width = argc > 2 ? atoi(argv[1]) : 0, height = argc > 2 ? atoi(argv[2]) : 0;
    size_t size = 3 * (size_t)width * height;
    const char **options;
    uint8_t *pixels;
    fatezero_image *images;
    fatezero_error error;
    fatezero *fz;
    int window, n, failed = 0;

    if (width < 1 || height < 1) {
        fprintf(stderr, "usage: %s WIDTH HEIGHT [key=value ...] < in.rgb > out.rgb\n", argv[0]);
        return 2;
    }
    options = calloc(2 * argc, sizeof(*options));
    for (int i = 3; options && i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value)
            *value++ = '\0';
        options[2 * (i - 3)]     = argv[i];
        options[2 * (i - 3) + 1] = value;
    }

    fz = fatezero_open(options, &host, &error);
    free(options);
    if (!fz) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }

    if (fatezero_edits(fz) != 1) {
        fprintf(stderr, "one output: give one preset= and edit=\n");
        return 2;
    }
    window = fatezero_window(fz);
    pixels = calloc(window, size);
    images = calloc(window, sizeof(*images));
    if (!pixels || !images)
        return 1;
    for (int i = 0; i < window; i++)
        images[i] = (fatezero_image) { pixels + i * size, 3 * width };

    while (!failed && (n = fread(pixels, size, window, stdin)) > 0) {
        failed = fatezero_edit(fz, images, images, n, width, height, 8, &error);
        if (failed)
            fprintf(stderr, "\n%s\n", error.message);
        else
            failed = fwrite(pixels, size, n, stdout) != (size_t)n;
    }

    fatezero_close(&fz);
    free(images);
    free(pixels);
    return failed != 0;
}
