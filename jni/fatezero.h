/*
 * libfatezero: edits video by words, a few frames at a time.
 *
 * Basic usage (example.c is the whole program):
 *
 *     const char *options[] = { "preset", "watercolor", "window", "8", NULL };
 *     fatezero_error error;
 *     fatezero *fz = fatezero_open(options, NULL, &error);
 *     if (!fz)
 *         return fail(error.message);
 *
 *     fatezero_image frames[8];             // packed RGB, filled by the caller
 *     while ((n = read_frames(frames, fatezero_window(fz))) > 0) {
 *         if (fatezero_edit(fz, frames, frames, n, width, height, 8, &error))
 *             return fail(error.message);
 *         write_frames(frames, n);
 *     }
 *     fatezero_close(&fz);
 *
 * Threads: a handle may be used by any thread, by one at a time. Different handles are independent of each other, but for those
 * that fatezero_change() made of one, of which one may be used at a time.
 * The first fatezero_open() of a process starts a Java virtual machine, which stays until the process ends; a process
 * forked afterwards cannot use the library until it calls exec.
 *
 * Environment: FATEZERO_JVM names the libjvm.so to use (default: that of JAVA_HOME, of the java on PATH, or of the
 * distribution). FATEZERO_HOME names the folder of the engine (default: the folder "fatezero" beside this library).
 * FATEZERO_TORCH names the folder of libtorch (default: pytorch-cuda/torch/lib in the engine's folder, if it is there
 * and NVIDIA's driver is, otherwise pytorch). An empty variable is as if it were not set. Java itself takes options from
 * JAVA_TOOL_OPTIONS and _JAVA_OPTIONS; with any that it refuses, fatezero_open() fails and tells them.
 *
 * Locale: it stays as it is, but that while Java starts other threads may see the environment's for some 0.1 ms. Paths in
 * options are UTF-8 whatever the locale.
 */
#ifndef FATEZERO_H
#define FATEZERO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FATEZERO_API __attribute__((visibility("default")))

/** What went wrong. Zero is success. */
typedef enum fatezero_code {
    FATEZERO_OK = 0,
    FATEZERO_INVALID,       ///< an argument or option is wrong
    FATEZERO_NOT_FOUND,     ///< a file is missing
    FATEZERO_BAD_DATA,      ///< a file cannot be read, or what it holds is wrong
    FATEZERO_NO_MEMORY,     ///< memory of the process or of the device is exhausted
    FATEZERO_NO_RUNTIME,    ///< no Java virtual machine, or too old, or it does not start; or the engine's files are missing
    FATEZERO_CANCELLED,     ///< the host's step function asked for it
    FATEZERO_INTERNAL       ///< a defect of the library: its message and the verbose log are worth reporting
} fatezero_code;

/** One line of UTF-8 for the user: what is wrong, and how to mend it. */
typedef struct fatezero_error {
    fatezero_code code;
    char message[4096];
} fatezero_error;

typedef enum fatezero_level {
    FATEZERO_ERROR = 0,
    FATEZERO_WARNING,
    FATEZERO_INFO,
    FATEZERO_VERBOSE
} fatezero_level;

/**
 * The host's callbacks. Any of them may be NULL.
 * They are called only while a function of the library runs, possibly by another thread than
 * the one that waits there, and must not call the library.
 */
typedef struct fatezero_host {
    void *opaque;           ///< handed to both functions

    /** @param message one line of UTF-8, without a newline */
    void (*log)(void *opaque, fatezero_level level, const char *message);

    /**
     * Progress.
     *
     * @param phase "load", in fatezero_open() or where a window needs the model in another precision; "encode", "invert",
     *              "reconstruct", "edit" or "decode"
     * @param step  the steps of the phase done so far
     * @param steps the steps of the phase
     * @return nonzero to go on, 0 to cancel
     */
    int (*step)(void *opaque, const char *phase, int step, int steps);
} fatezero_host;

/** One frame: packed RGB, `depth` bits a sample, in native byte order. */
typedef struct fatezero_image {
    uint8_t  *data;         ///< the first sample of the top row
    ptrdiff_t stride;       ///< bytes from one row to the next: at least width * 3 * depth / 8
} fatezero_image;

/** Where a frame may be edited: a gray picture, 8 bits a sample, of any size: it is stretched over the frame. */
typedef struct fatezero_mask {
    const uint8_t *data;    ///< the first sample of the top row: 0 where nothing changes, 255 where all may
    ptrdiff_t stride;       ///< bytes from one row to the next, at least width
    int width, height;
} fatezero_mask;

/** An editor: options, model, and the Java object behind them. */
typedef struct fatezero fatezero;

/**
 * Checks the options and loads the model, which takes seconds.
 *
 * @param options key, value, key, value, ..., NULL in UTF-8, in the spelling of the FFmpeg filter; copied
 * @param host    copied; NULL for a silent one that never cancels
 * @param error   filled on failure
 * @return the editor, to be closed with fatezero_close(), or NULL
 */
FATEZERO_API fatezero *fatezero_open(const char *const *options, const fatezero_host *host, fatezero_error *error);

/**
 * Opens an editor with other options for the frames that follow, of the same shot: its anchor stays, and is edited by the new options
 * as well. The model is not loaded again. Options of the model, of the window's length and of what the frames go to cannot change.
 *
 * @param fz      stays as it is, to be closed by itself; of the two only one may be used at a time
 * @param options all of them, as in fatezero_open(), whether they change or not
 * @param error   filled on failure
 * @return the editor, with the same host, or NULL if the options are wrong
 */
FATEZERO_API fatezero *fatezero_change(const fatezero *fz, const char *const *options, fatezero_error *error);

/** @return how many frames each fatezero_edit() wants; the last of a stream may bring fewer */
FATEZERO_API int fatezero_window(const fatezero *fz);

/** @return how many edits each fatezero_edit() makes: 1, or as many as the options presets and edit name */
FATEZERO_API int fatezero_edits(const fatezero *fz);

/**
 * @param edit which edit, counted from 0
 * @return how many pictures, each of the source's size, lie side by side in its frames: 1, but for what the option show asks for
 */
FATEZERO_API int fatezero_panels(const fatezero *fz, int edit);

/**
 * The next frames begin a shot: they have nothing to do with those before them. The first frames do so by themselves, and those
 * of another size. With the option keys=anchor all frames of a shot attend to one of its first window, its anchor.
 *
 * @param anchor the frame to attend to instead, for a shot that was begun elsewhere; copied; NULL for one of the next window
 * @param width  in pixels, with height and depth as in fatezero_edit(); ignored without an anchor
 * @param error  filled on failure
 * @return FATEZERO_OK or what went wrong
 */
FATEZERO_API fatezero_code fatezero_begin_shot(fatezero *fz, const fatezero_image *anchor, int width, int height, int depth,
                                               fatezero_error *error);

/**
 * Says how far the frames of the next fatezero_edit() have moved from the option prompt to the option prompt2. Without this they have not.
 *
 * @param mix   a share for each of the frames, from 0 for prompt to 1 for prompt2; copied; NULL if n is 0
 * @param n     how many frames, as in fatezero_edit(), or 0 to take back what was said
 * @param error filled on failure
 * @return FATEZERO_OK or what went wrong
 */
FATEZERO_API fatezero_code fatezero_mix(fatezero *fz, const double *mix, int n, fatezero_error *error);

/**
 * Edits consecutive frames together. Nothing is kept of them afterwards but the anchor of their shot, and, unless steady=0 is set, the
 * last of them and its edit, which the next call's frames go on from: calls then follow the film's order.
 *
 * @param source the frames to edit; unchanged, unless target is the same memory
 * @param target where the edited frames go: n images for each edit, one edit's after another's, each fatezero_panels() times
 *               as wide as the source; undefined after a failure
 * @param n      how many frames, at least 1
 * @param width  in pixels, at least 1, as is height
 * @param depth  bits a sample, 8 or 16
 * @param error  filled on failure
 * @return FATEZERO_OK or what went wrong; the editor remains usable
 */
FATEZERO_API fatezero_code fatezero_edit(fatezero *fz, const fatezero_image *source, const fatezero_image *target,
                                         int n, int width, int height, int depth, fatezero_error *error);

/**
 * Edits consecutive frames together, each within its mask, as fatezero_edit() otherwise. The option mask=1 asks for this function in the
 * place of that. An anchor that fatezero_begin_shot() was given is edited everywhere.
 *
 * @param mask n of them
 */
FATEZERO_API fatezero_code fatezero_edit_masked(fatezero *fz, const fatezero_image *source, const fatezero_mask *mask,
                                                const fatezero_image *target, int n, int width, int height, int depth,
                                                fatezero_error *error);

/**
 * Describes what the last successful call of fatezero_edit() made.
 *
 * @param edit which of its edits, counted from 0
 * @return key, value, key, value, ..., NULL in UTF-8; belongs to the editor, until its next call
 */
FATEZERO_API const char *const *fatezero_metadata(const fatezero *fz, int edit);

/** Frees an editor and sets the pointer to NULL. A pointer to NULL is fine. */
FATEZERO_API void fatezero_close(fatezero **fz);

#ifdef __cplusplus
}
#endif

#endif /* FATEZERO_H */
