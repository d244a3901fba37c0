#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "exit.h"
#include "fatezero.h"
#include "jvm.h"

struct fatezero {
    fatezero_host host;
    jobject       engine;       // org.fatezero.engine.Engine
    int           window;
    int           edits;
    int          *panels;       // of each edit
    char       ***metadata;     // of each edit, NULL-terminated
};

static void free_strings(char **strings)
{
    for (char **s = strings; s && *s; s++)
        free(*s);
    free(strings);
}

/* Begins a call of Java, that leave() ends. @return NULL with the error filled if there is no Java to be had */
static const fatezero_java *enter(JNIEnv **env, fatezero_error *error)
{
    const fatezero_java *java = NULL;

    if (!fatezero_enter())
        fatezero_fail(error, FATEZERO_CANCELLED, "the process ends");
    else if (!(java = fatezero_jvm(env, error)))
        fatezero_leave();
    return java;
}

/* byte[][] of the options. @return NULL with an exception pending */
static jobjectArray to_java(JNIEnv *env, const fatezero_java *java, const char *const *strings, int n)
{
    jobjectArray array = (*env)->NewObjectArray(env, n, java->bytes, NULL);

    for (int i = 0; array && i < n; i++) {
        jsize length     = strlen(strings[i]);
        jbyteArray bytes = (*env)->NewByteArray(env, length);
        if (!bytes)
            return NULL;
        (*env)->SetByteArrayRegion(env, bytes, 0, length, (const jbyte *)strings[i]);
        (*env)->SetObjectArrayElement(env, array, i, bytes);
        (*env)->DeleteLocalRef(env, bytes);
    }
    return array;
}

/* Copies a byte[][]. @return to be freed with free_strings(), NULL with an exception pending or without memory */
static char **from_java(JNIEnv *env, jobjectArray array)
{
    jsize n = (*env)->GetArrayLength(env, array);
    char **strings = calloc(n + 1u, sizeof(*strings));

    for (jsize i = 0; strings && i < n; i++) {
        jbyteArray bytes = (*env)->GetObjectArrayElement(env, array, i);
        if (!bytes || !(strings[i] = fatezero_string(env, bytes))) {
            free_strings(strings);
            return NULL;
        }
        (*env)->DeleteLocalRef(env, bytes);
    }
    return strings;
}

/* Asks an engine what does not change. Without an answer an exception is pending, or the error filled. */
static void learn(JNIEnv *env, const fatezero_java *java, fatezero *fz, fatezero_error *error)
{
    int edits;

    fz->window = (*env)->CallIntMethod(env, fz->engine, java->window);
    edits      = (*env)->ExceptionCheck(env) ? 0 : (*env)->CallIntMethod(env, fz->engine, java->edits);
    if ((*env)->ExceptionCheck(env))
        return;
    fz->metadata = calloc(edits, sizeof(*fz->metadata));
    fz->panels   = calloc(edits, sizeof(*fz->panels));
    if (!fz->metadata || !fz->panels) {
        fatezero_fail(error, FATEZERO_NO_MEMORY, "no memory for an editor");
        return;
    }
    fz->edits = edits;
    for (int i = 0; i < edits && !(*env)->ExceptionCheck(env); i++)
        fz->panels[i] = (*env)->CallIntMethod(env, fz->engine, java->panels, i);
}

/* Opens an editor, which goes on after another if that is not NULL. */
static fatezero *open_after(const fatezero *before, const char *const *options, const fatezero_host *host, fatezero_error *error)
{
    JNIEnv *env;
    const fatezero_java *java;
    fatezero *fz;
    jobjectArray array;
    jobject engine = NULL;
    int n = 0;

    while (options && options[n])
        n++;
    if (n % 2) {
        fatezero_fail(error, FATEZERO_INVALID, "option %s has no value", options[n - 1]);
        return NULL;
    }
    if (!(fz = calloc(1, sizeof(*fz)))) {
        fatezero_fail(error, FATEZERO_NO_MEMORY, "no memory for an editor");
        return NULL;
    }
    if (host)
        fz->host = *host;
    if (!(java = enter(&env, error))) {
        free(fz);
        return NULL;
    }

    error->code = FATEZERO_OK;
    if (!(*env)->PushLocalFrame(env, 16)) {
        array = to_java(env, java, options, n);
        if (array && before)
            engine = (*env)->CallObjectMethod(env, before->engine, java->change, array, (jlong)(intptr_t)&fz->host);
        else if (array)
            engine = (*env)->CallStaticObjectMethod(env, java->engine, java->open, array, (jlong)(intptr_t)&fz->host);
        if (!fatezero_exception(env, &fz->host, error)) {
            fz->engine = (*env)->NewGlobalRef(env, engine);
            if (fz->engine) {
                learn(env, java, fz, error);
            } else {
                (*env)->CallVoidMethod(env, engine, java->close);
                fatezero_exception(env, &fz->host, error);
                fatezero_fail(error, FATEZERO_NO_MEMORY, "no memory for an editor");
            }
        }
        (*env)->PopLocalFrame(env, NULL);
    }
    if (!error->code)
        fatezero_exception(env, &fz->host, error);
    if (error->code)
        fatezero_close(&fz);
    fatezero_leave();
    return fz;
}

fatezero *fatezero_open(const char *const *options, const fatezero_host *host, fatezero_error *error)
{
    return open_after(NULL, options, host, error);
}

fatezero *fatezero_change(const fatezero *fz, const char *const *options, fatezero_error *error)
{
    return open_after(fz, options, &fz->host, error);
}

int fatezero_window(const fatezero *fz)
{
    return fz->window;
}

int fatezero_edits(const fatezero *fz)
{
    return fz->edits;
}

int fatezero_panels(const fatezero *fz, int edit)
{
    return edit >= 0 && edit < fz->edits ? fz->panels[edit] : 0;
}

/* Asks the engine what its edits were. Without an answer an exception is pending, or the error filled. */
static void describe(JNIEnv *env, const fatezero_java *java, fatezero *fz, fatezero_error *error)
{
    for (int i = 0; i < fz->edits; i++) {
        jobject described = (*env)->CallObjectMethod(env, fz->engine, java->metadata, i);
        char **metadata   = (*env)->ExceptionCheck(env) ? NULL : from_java(env, described);
        if (!metadata) {
            if (!(*env)->ExceptionCheck(env))
                fatezero_fail(error, FATEZERO_NO_MEMORY, "no memory for the metadata");
            return;
        }
        free_strings(fz->metadata[i]);
        fz->metadata[i] = metadata;
        (*env)->DeleteLocalRef(env, described);
    }
}

/* Images of so many bytes a row: n, or n for each edit, whose rows hold its panels. */
typedef struct image_list {
    const fatezero_image *images;
    int count, n;
    ptrdiff_t row;
    int height;
    const int *panels;
} image_list;

static ptrdiff_t row_of(const image_list *list, int i)
{
    return list->row * list->panels[i / list->n];
}

/* The images as ByteBuffer[] over the caller's memory, and their strides. @return NULL with an exception pending */
static jobjectArray wrap(JNIEnv *env, const fatezero_java *java, const image_list *list, jintArray strides)
{
    const fatezero_image *images = list->images;
    jobjectArray buffers = (*env)->NewObjectArray(env, list->count, java->buffer, NULL);

    for (int i = 0; buffers && i < list->count; i++) {
        jlong size     = (jlong)images[i].stride * (list->height - 1) + row_of(list, i);
        jint stride    = images[i].stride;
        jobject buffer = (*env)->NewDirectByteBuffer(env, images[i].data, size);
        if (!buffer)
            return NULL;
        (*env)->SetObjectArrayElement(env, buffers, i, buffer);
        (*env)->SetIntArrayRegion(env, strides, i, 1, &stride);
        (*env)->DeleteLocalRef(env, buffer);
    }
    return buffers;
}

static fatezero_code check_images(const image_list *list, fatezero_error *error)
{
    const fatezero_image *images = list->images;

    for (int i = 0; i < list->count; i++) {
        ptrdiff_t row = row_of(list, i);

        if (!images[i].data)
            return fatezero_fail(error, FATEZERO_INVALID, "image %d has no data", i);
        if (images[i].stride < row)
            return fatezero_fail(error, FATEZERO_INVALID, "image %d: %td bytes from row to row, but a row has %td",
                                 i, images[i].stride, row);
        if (images[i].stride > INT_MAX / list->height)                // what a ByteBuffer can hold
            return fatezero_fail(error, FATEZERO_INVALID, "image %d is larger than %d bytes", i, INT_MAX);
    }
    return FATEZERO_OK;
}

static fatezero_code check_format(int n, int width, int height, int depth, fatezero_error *error)
{
    if (n < 1 || width < 1 || height < 1 || (depth != 8 && depth != 16))
        return fatezero_fail(error, FATEZERO_INVALID, "%d frames of %dx%d with %d bits a sample: at least one frame "
                             "of 1x1, and 8 or 16 bits", n, width, height, depth);
    return FATEZERO_OK;
}

fatezero_code fatezero_begin_shot(fatezero *fz, const fatezero_image *anchor, int width, int height, int depth,
                                  fatezero_error *error)
{
    const int one = 1;
    const image_list from = { anchor, 1, 1, (ptrdiff_t)width * 3 * (depth / 8), height, &one };
    JNIEnv *env;
    const fatezero_java *java;

    if (anchor && (check_format(1, width, height, depth, error) || check_images(&from, error)))
        return error->code;
    if (!(java = enter(&env, error)))
        return error->code;

    error->code = FATEZERO_OK;
    if (!anchor) {
        (*env)->CallVoidMethod(env, fz->engine, java->begin_shot);
    } else if (!(*env)->PushLocalFrame(env, 4)) {
        jobject buffer = (*env)->NewDirectByteBuffer(env, anchor->data, (jlong)anchor->stride * (height - 1) + from.row);

        if (buffer)
            (*env)->CallVoidMethod(env, fz->engine, java->begin_shot_with, buffer, (jint)anchor->stride, width, height, depth);
        fatezero_exception(env, &fz->host, error);
        (*env)->PopLocalFrame(env, NULL);
    }
    if (!error->code)
        fatezero_exception(env, &fz->host, error);
    fatezero_leave();
    return error->code;
}

fatezero_code fatezero_mix(fatezero *fz, const double *mix, int n, fatezero_error *error)
{
    JNIEnv *env;
    const fatezero_java *java;

    if (n < 0)
        return fatezero_fail(error, FATEZERO_INVALID, "%d shares of mix", n);
    if (!(java = enter(&env, error)))
        return error->code;

    error->code = FATEZERO_OK;
    if (!(*env)->PushLocalFrame(env, 2)) {
        jdoubleArray shares = (*env)->NewDoubleArray(env, n);

        if (shares) {
            (*env)->SetDoubleArrayRegion(env, shares, 0, n, mix);
            (*env)->CallVoidMethod(env, fz->engine, java->mix, shares);
        }
        fatezero_exception(env, &fz->host, error);
        (*env)->PopLocalFrame(env, NULL);
    }
    if (!error->code)
        fatezero_exception(env, &fz->host, error);
    fatezero_leave();
    return error->code;
}

static fatezero_code check_masks(const fatezero_mask *mask, int n, fatezero_error *error)
{
    for (int i = 0; mask && i < n; i++) {
        if (!mask[i].data || mask[i].width < 1 || mask[i].height < 1 || mask[i].stride < mask[i].width)
            return fatezero_fail(error, FATEZERO_INVALID,
                                 "mask %d: %dx%d with %td bytes from row to row: at least 1x1, and rows of a width",
                                 i, mask[i].width, mask[i].height, mask[i].stride);
        if (mask[i].stride > INT_MAX / mask[i].height)
            return fatezero_fail(error, FATEZERO_INVALID, "mask %d is larger than %d bytes", i, INT_MAX);
    }
    return FATEZERO_OK;
}

/* Masks in the form of Engine.edit(). */
typedef struct java_masks {
    jobjectArray buffers;
    jintArray strides, sizes;
} java_masks;

/* The masks, over the caller's memory. @return 0 with an exception pending */
static int wrap_masks(JNIEnv *env, const fatezero_java *java, const fatezero_mask *mask, int n, java_masks *to)
{
    if (!(to->buffers = (*env)->NewObjectArray(env, n, java->buffer, NULL)) || !(to->strides = (*env)->NewIntArray(env, n)) ||
        !(to->sizes = (*env)->NewIntArray(env, 2 * n)))
        return 0;
    for (int i = 0; i < n; i++) {
        const jint stride = mask[i].stride, size[] = { mask[i].width, mask[i].height };
        jobject buffer = (*env)->NewDirectByteBuffer(env, (void *)mask[i].data, (jlong)stride * (size[1] - 1) + size[0]);

        if (!buffer)
            return 0;
        (*env)->SetObjectArrayElement(env, to->buffers, i, buffer);
        (*env)->SetIntArrayRegion(env, to->strides, i, 1, &stride);
        (*env)->SetIntArrayRegion(env, to->sizes, 2 * i, 2, size);
        (*env)->DeleteLocalRef(env, buffer);
    }
    return 1;
}

/* Has the engine edit. What fails leaves an exception pending. */
static void call_edit(JNIEnv *env, const fatezero_java *java, jobject engine, const image_list *from, const fatezero_mask *mask,
                      const image_list *to, int width, int height, int depth)
{
    jintArray from_strides = (*env)->NewIntArray(env, from->count);
    jintArray to_strides   = from_strides ? (*env)->NewIntArray(env, to->count) : NULL;
    jobjectArray sources   = to_strides ? wrap(env, java, from, from_strides) : NULL;
    jobjectArray targets   = sources ? wrap(env, java, to, to_strides) : NULL;
    java_masks masks;

    if (targets && !mask) {
        (*env)->CallVoidMethod(env, engine, java->edit, sources, from_strides, targets, to_strides, width, height, depth);
    } else if (targets && wrap_masks(env, java, mask, from->n, &masks)) {
        /* looked up here, since all else does with an engine that has no masks */
        jmethodID edit = (*env)->GetMethodID(env, java->engine, "edit", "([Ljava/nio/ByteBuffer;[I[Ljava/nio/ByteBuffer;[I[I"
                                                                        "[Ljava/nio/ByteBuffer;[IIII)V");
        if (edit)
            (*env)->CallVoidMethod(env, engine, edit, sources, from_strides, masks.buffers, masks.strides, masks.sizes,
                                   targets, to_strides, width, height, depth);
    }
}

fatezero_code fatezero_edit(fatezero *fz, const fatezero_image *source, const fatezero_image *target,
                            int n, int width, int height, int depth, fatezero_error *error)
{
    return fatezero_edit_masked(fz, source, NULL, target, n, width, height, depth, error);
}

fatezero_code fatezero_edit_masked(fatezero *fz, const fatezero_image *source, const fatezero_mask *mask,
                                   const fatezero_image *target, int n, int width, int height, int depth, fatezero_error *error)
{
    const ptrdiff_t row   = (ptrdiff_t)width * 3 * (depth / 8);
    const int one         = 1;
    const image_list from = { source, n, n, row, height, &one };
    image_list to         = { target, 0, n, row, height, fz->panels };
    JNIEnv *env;
    const fatezero_java *java;

    if (check_format(n, width, height, depth, error))
        return error->code;
    if (n > INT_MAX / fz->edits)
        return fatezero_fail(error, FATEZERO_INVALID, "%d frames are too many", n);
    to.count = n * fz->edits;
    if (check_images(&from, error) || check_images(&to, error) || check_masks(mask, n, error))
        return error->code;
    if (!(java = enter(&env, error)))
        return error->code;

    error->code = FATEZERO_OK;
    if (!(*env)->PushLocalFrame(env, 16)) {
        call_edit(env, java, fz->engine, &from, mask, &to, width, height, depth);
        if (!fatezero_exception(env, &fz->host, error))
            describe(env, java, fz, error);
        (*env)->PopLocalFrame(env, NULL);
    }
    if (!error->code)
        fatezero_exception(env, &fz->host, error);
    fatezero_leave();
    return error->code;
}

const char *const *fatezero_metadata(const fatezero *fz, int edit)
{
    static const char *const none[] = { NULL };

    return edit >= 0 && edit < fz->edits && fz->metadata[edit] ? (const char *const *)fz->metadata[edit] : none;
}

void fatezero_close(fatezero **fz)
{
    fatezero_error error;
    const fatezero_java *java;
    JNIEnv *env;

    if (!*fz)
        return;
    if ((*fz)->engine && (java = enter(&env, &error))) {
        (*env)->CallVoidMethod(env, (*fz)->engine, java->close);
        if (fatezero_exception(env, &(*fz)->host, &error) && (*fz)->host.log)
            (*fz)->host.log((*fz)->host.opaque, FATEZERO_WARNING, error.message);
        (*env)->DeleteGlobalRef(env, (*fz)->engine);
        fatezero_leave();
    }
    for (int i = 0; (*fz)->metadata && i < (*fz)->edits; i++)
        free_strings((*fz)->metadata[i]);
    free((*fz)->metadata);
    free((*fz)->panels);
    free(*fz);
    *fz = NULL;
}
