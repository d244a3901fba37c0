/*
 * This file is part of FFmpeg.
 *
 * FFmpeg is free software; you can redistribute it and/or
 * modify it under the terms of the GNU Lesser General Public
 * License as published by the Free Software Foundation; either
 * version 2.1 of the License, or (at your option) any later version.
 *
 * FFmpeg is distributed in the hope that it will be useful,
 * but WITHOUT ANY WARRANTY; without even the implied warranty of
 * MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the GNU
 * Lesser General Public License for more details.
 *
 * You should have received a copy of the GNU Lesser General Public
 * License along with FFmpeg; if not, write to the Free Software
 * Foundation, Inc., 51 Franklin Street, Fifth Floor, Boston, MA 02110-1301 USA
 */

/**
 * @file
 * edit video by words: zero-shot, with an unmodified Stable Diffusion model
 *
 * Frames are gathered into windows, which libfatezero edits. While a worker thread edits one window, the next is
 * gathered; when that is full, activate() waits for the worker, so only the host's threads pass frames on. A window ends early
 * where the filter is disabled, where the size or the colours' meaning changes, and at the end of the stream.
 * Each of several edits has its own output; they share one inversion of the window. With mask=1 there is a second input, of masks.
 *
 * The engine takes packed RGB. What is edited is converted to it and back here, by each frame's own tags, so that frames
 * come out in the format that they came in, tagged as they were; what passes unedited is not touched.
 */

#include <stdatomic.h>
#include <string.h>

#include <fatezero.h>

#include "libavutil/avstring.h"
#include "libavutil/common.h"
#include "libavutil/dict.h"
#include "libavutil/error.h"
#include "libavutil/frame.h"
#include "libavutil/internal.h"
#include "libavutil/mathematics.h"
#include "libavutil/mem.h"
#include "libavutil/opt.h"
#include "libavutil/pixfmt.h"
#include "libavutil/time.h"

#include "avfilter.h"
#include "filters.h"
#include "formats.h"
#include "version.h"
#include "vf_fatezero.h"
#include "video.h"
#if LIBAVFILTER_VERSION_INT < AV_VERSION_INT(10, 4, 100)
#include "internal.h"
#endif

#if LIBAVFILTER_VERSION_MAJOR >= 11
#define FILTER FFFilter
#define PUBLIC(field) .p.field
#else
#define FILTER AVFilter
#define PUBLIC(field) .field
#endif

#define REPORT_INTERVAL 3000000 ///< microseconds between two lines of progress, at least

/** An editor, and from which frame on it edits. */
typedef struct Editor {
    fatezero *fz;
    int64_t first;              ///< frame, counted from 0 as they arrive
    int mixes;                  ///< it has a second prompt
    struct Editor *next;        ///< that edits what follows, as a command wanted
} Editor;

/** Frames to be edited together. */
typedef struct Window {
    AVFrame **frames;
    int nb_frames;
    AVFrame **masks;            ///< of the frames; each NULL without mask=1
    int begins;                 ///< the first frame begins a shot
    int shot;                   ///< that they are in, from 1
    Editor *editor;             ///< NULL if the host was asked to stop before there was one
} Window;

typedef struct FatezeroContext {
    FatezeroOptions options;    ///< first: its class is the filter's

    FatezeroCourse *course;     ///< of the frame that was taken last
    char **settings;            ///< what an editor is opened with: option, value, ...
    Editor *editor;             ///< the first that is open; the worker's
    int capacity;               ///< frames of a full window

    int64_t taken;              ///< frames so far
    int taking;                 ///< the next frame is being taken from the link, whose queue it has left
    int64_t commanded;          ///< frame from which on the last command counts
    Window window;              ///< that is being gathered
    Window edited;              ///< that the worker edits
    AVFrame *interrupted;       ///< the frame that was being taken when the host was asked to stop
    int failed;                 ///< the error with which the stream ends, once what was done before it has gone out
    AVFrame *mask;              ///< of the last frame that was taken; NULL without mask=1
    AVFrame **targets;          ///< what the edited frames become, in RGB, one for each output
    AVFrame **done;             ///< frames on their way out, one for each output: at most two windows and what ended them
    int nb_done, next_done;
    fatezero_image *source_images, *target_images;  ///< the latter one output's after another's
    fatezero_mask *mask_images;
    double *shares;             ///< of the second prompt in the frames that the worker edits

    FatezeroWorker worker;      ///< while it is busy the window that it edits, and the editors, are its own
    atomic_int stop;            ///< what the worker edits is not wanted any more
    fatezero_code code;         ///< what came of the window
    fatezero_error error;
    fatezero_error open_error;  ///< what came of the last editor that was opened
    int64_t duration;

    int wanted;                 ///< the host waits for a frame
    int status;                 ///< of the input, once it has ended
    int64_t status_pts;

    FatezeroShots shots;
    int shot_ends;              ///< the next frame to be edited begins a shot
    int untold;                 ///< the editor does not know yet that a shot has begun; the worker's

    int windows;                ///< edited so far
    int warned_hdr, warned_matrix;
    FatezeroSignals signals;

    char phase[16];
    int first_step, last_step;  ///< of the phase, as seen
    int64_t first_time, last_time, report_time;
} FatezeroContext;

/*
 * A filter is not told why its graph is freed: its host may have all it wants, even where it had asked ahead, or may make another graph
 * in the place of this one, and only then frames are lost. So the next filter that is made in the host's thread tells of them.
 */
static _Thread_local int lost_frames;

static int to_averror(fatezero_code code)
{
    static const int averrors[] = {
        [FATEZERO_INVALID]    = AVERROR(EINVAL),
        [FATEZERO_NOT_FOUND]  = AVERROR(ENOENT),
        [FATEZERO_BAD_DATA]   = AVERROR_INVALIDDATA,
        [FATEZERO_NO_MEMORY]  = AVERROR(ENOMEM),
        [FATEZERO_NO_RUNTIME] = AVERROR(ENOSYS),
        [FATEZERO_CANCELLED]  = AVERROR_EXIT,
        [FATEZERO_INTERNAL]   = AVERROR_EXTERNAL,
    };

    return averrors[code];
}

static void on_log(void *opaque, fatezero_level level, const char *message)
{
    static const int levels[] = {
        [FATEZERO_ERROR]   = AV_LOG_ERROR,
        [FATEZERO_WARNING] = AV_LOG_WARNING,
        [FATEZERO_INFO]    = AV_LOG_INFO,
        [FATEZERO_VERBOSE] = AV_LOG_VERBOSE,
    };

    av_log(opaque, levels[av_clip(level, 0, FATEZERO_VERBOSE)], "%s\n", message);
}

/** Called many times in each step. */
static int on_step(void *opaque, const char *phase, int step, int steps)
{
    AVFilterContext *ctx = opaque;
    FatezeroContext *s = ctx->priv;
    int64_t now = av_gettime_relative();

    ff_fatezero_deliver_signals(&s->signals);
    if (strcmp(phase, s->phase) || step < s->last_step) {
        av_strlcpy(s->phase, phase, sizeof(s->phase));
        s->first_step = s->last_step = step;
        s->first_time = s->last_time = now;
    } else if (step > s->last_step) {
        s->last_step = step;
        s->last_time = now;
    }
    if (now - s->report_time >= REPORT_INTERVAL && step > s->first_step) {
        size_t length = strlen(phase);
        int64_t each  = (s->last_time - s->first_time) / (step - s->first_step);
        int64_t left  = FFMAX(each * (steps - step) - (now - s->last_time), 0);
        char window[32] = "";

        length -= length && phase[length - 1] == 'e';   // encode, encoding
        if (s->editor)
            snprintf(window, sizeof(window), "window %d: ", s->windows + 1);
        av_log(ctx, AV_LOG_INFO, "%s%.*sing, step %d of %d, %.0f s left\n",
               window, (int)length, phase, step, steps, 1e-6 * left);
        s->report_time = now;
    }
    return !ff_fatezero_interrupted(&s->signals) && !atomic_load(&s->stop);
}

static int panels(const FatezeroContext *s, int edit)
{
    return s->window.editor ? fatezero_panels(s->window.editor->fz, edit) : 1;
}

static void free_frames(AVFrame **frames, int first, int end)
{
    for (int i = first; i < end; i++)
        av_frame_free(&frames[i]);
}

/** @param edit counted from 0, @param number from 1 */
static int describe(const FatezeroContext *s, AVFrame *frame, int edit, int number)
{
    const char *const *entry = fatezero_metadata(s->edited.editor->fz, edit);
    char key[128];
    int ret;

    if ((ret = av_dict_set_int(&frame->metadata, "lavfi.fatezero.shot", s->edited.shot, 0)) < 0 ||
        (ret = av_dict_set_int(&frame->metadata, "lavfi.fatezero.window", s->windows + 1, 0)) < 0 ||
        (ret = av_dict_set_int(&frame->metadata, "lavfi.fatezero.frame", number, 0)) < 0)
        return ret;
    for (; *entry && ret >= 0; entry += 2) {
        snprintf(key, sizeof(key), "lavfi.fatezero.%s", entry[0]);
        ret = av_dict_set(&frame->metadata, key, entry[1], 0);
    }
    return ret;
}

/** Tells the editor how far the frames have moved to the second prompt, if they have. */
static fatezero_code mix(FatezeroContext *s)
{
    int moved = ff_fatezero_read_mix(s->shares, s->edited.frames, s->edited.nb_frames);

    return moved ? fatezero_mix(s->editor->fz, s->shares, s->edited.nb_frames, &s->error) : FATEZERO_OK;
}

/** Closes the first editor. */
static void close_editor(FatezeroContext *s)
{
    Editor *next = s->editor->next;

    fatezero_close(&s->editor->fz);
    av_free(s->editor);
    s->editor = next;
}

static void close_editors(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;

    while (s->editor)
        close_editor(s);
}

static void edit(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    const AVFrame *first = s->edited.frames[0];
    int depth = s->targets[0]->format == AV_PIX_FMT_RGB24 ? 8 : 16;
    int64_t start = av_gettime_relative();

    while (s->editor != s->edited.editor)
        close_editor(s);
    s->phase[0] = '\0';
    s->code = FATEZERO_CANCELLED;
    if (!ff_fatezero_interrupted(&s->signals))
        s->code = s->untold ? fatezero_begin_shot(s->editor->fz, NULL, 0, 0, 0, &s->error) : FATEZERO_OK;
    s->untold &= !!s->code;
    if (!s->code)
        s->code = mix(s);
    if (!s->code)
        s->code = fatezero_edit_masked(s->editor->fz, s->source_images, s->edited.masks[0] ? s->mask_images : NULL, s->target_images,
                                       s->edited.nb_frames, first->width, first->height, depth, &s->error);
    s->duration = av_gettime_relative() - start;
}

/** Opens an editor with the settings, after those that there are. */
static void open_editor(AVFilterContext *ctx)
{
    const fatezero_host host = { .opaque = ctx, .log = on_log, .step = on_step };
    FatezeroContext *s = ctx->priv;
    Editor **last = &s->editor, **slot = last, *editor = av_mallocz(sizeof(*editor)), *before = NULL;

    if (!editor) {
        s->open_error = (fatezero_error) { FATEZERO_NO_MEMORY, "no memory for an editor" };
        return;
    }
    while (s->window.editor && !s->edited.nb_frames && s->editor != s->window.editor)
        close_editor(s);                // where enable= is off there is no window that would do this
    for (; *last; last = &before->next) {
        slot   = last;
        before = *last;
    }
    s->report_time = av_gettime_relative();
    ff_fatezero_hold_signals(&s->signals);
    editor->fz = before ? fatezero_change(before->fz, (const char *const *)s->settings, &s->open_error)
                        : fatezero_open((const char *const *)s->settings, &host, &s->open_error);
    ff_fatezero_deliver_signals(&s->signals);
    if (editor->fz && ff_fatezero_interrupted(&s->signals)) {
        fatezero_close(&editor->fz);
        s->open_error = (fatezero_error) { FATEZERO_CANCELLED, "interrupted" };
    }
    if (editor->fz) {
        const double one = 1;

        editor->mixes = !fatezero_mix(editor->fz, &one, 1, &s->open_error) && !fatezero_mix(editor->fz, NULL, 0, &s->open_error);
        if (!editor->mixes && strcmp(s->options.mix, "0"))
            fatezero_close(&editor->fz);
    }
    if (editor->fz) {
        s->open_error.code = FATEZERO_OK;
        editor->first = s->commanded;
        *last = editor;
        if (before && before != s->window.editor && before->first == editor->first) {
            *slot = editor;             // no frame came between the two commands
            fatezero_close(&before->fz);
            av_free(before);
        }
    } else {
        av_free(editor);
    }
}

/** Forgets the frames that are not done. @return how many */
static int drop_waiting(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    int n = s->window.nb_frames + s->edited.nb_frames;

    free_frames(s->window.frames, 0, s->window.nb_frames);
    free_frames(s->edited.frames, 0, s->edited.nb_frames);
    free_frames(s->targets, 0, s->edited.nb_frames * ctx->nb_outputs);
    s->window.nb_frames = s->edited.nb_frames = 0;
    n += !!s->interrupted;
    av_frame_free(&s->interrupted);
    return n;
}

/** Stops the worker for good and forgets the frames that are not done. @return how many */
static int stop(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;

    if (!s->worker.is_there)
        return 0;
    atomic_store(&s->stop, 1);
    ff_fatezero_set_state(&s->worker, WORKER_IDLE);
    return drop_waiting(ctx);
}

/** The same, and forgets those that are done. @return how many in all */
static int drop(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    int n = s->nb_done - s->next_done;

    free_frames(s->done, s->next_done * ctx->nb_outputs, s->nb_done * ctx->nb_outputs);
    s->nb_done = s->next_done = 0;
    return n + stop(ctx);
}

/** A frame for what is edited of one, which has its properties; not from the next filter, whose linesize may be negative, as vflip's is. */
static int allocate(AVFrame **out, const AVFrame *in, enum AVPixelFormat format, int width)
{
    int ret;

    if (!(*out = av_frame_alloc()))
        return AVERROR(ENOMEM);
    (*out)->format = format;
    (*out)->width  = width;
    (*out)->height = in->height;
    ret = av_frame_get_buffer(*out, 0);
    return ret < 0 ? ret : av_frame_copy_props(*out, in);
}

/** Makes the frames that the window is edited into. */
static int prepare(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    FatezeroScalers to_rgb = { { NULL } };
    enum AVPixelFormat rgb = ff_fatezero_rgb_format(s->edited.frames[0]->format);
    int n = s->edited.nb_frames, ret = 0;

    ff_fatezero_warn_of_colours(ctx, s->edited.frames[0], &s->warned_hdr, &s->warned_matrix);
    for (int i = 0; i < n * ctx->nb_outputs; i++) {
        const AVFrame *in = s->edited.frames[i / ctx->nb_outputs];
        int edit = i % ctx->nb_outputs;
        AVFrame **out = &s->targets[i];

        if ((ret = allocate(out, in, rgb, in->width * panels(s, edit))) < 0)
            return ret;
        s->target_images[edit * n + i / ctx->nb_outputs] = (fatezero_image) { (*out)->data[0], (*out)->linesize[0] };
    }
    for (int i = 0; i < n && ret >= 0; i++) {
        const AVFrame *in = s->edited.frames[i], *mask = s->edited.masks[i];

        if (mask)
            s->mask_images[i] = (fatezero_mask) { mask->data[0], mask->linesize[0], mask->width, mask->height };
        s->source_images[i] = (fatezero_image) { in->data[0], in->linesize[0] };
        /* of another format or a negative linesize, as vflip makes it: edited in a copy, in the memory of its first edit */
        if (in->format != rgb || in->linesize[0] < 0) {
            ret = ff_fatezero_convert(&to_rgb, s->targets[i * ctx->nb_outputs], in);
            s->source_images[i] = s->target_images[i];
        }
    }
    ff_fatezero_free_scalers(&to_rgb);
    return ret;
}

/** Brings a frame that was edited back into the video's own format. Alpha is the source's, and so is what the edit has left alone. */
static int restore_frame(AVFilterLink *outlink, FatezeroScalers *to_rgb, FatezeroScalers *from_rgb, AVFrame **target, const AVFrame *in)
{
    AVFrame *edited = *target, *unedited = NULL, *out = ff_get_video_buffer(outlink, edited->width, edited->height);
    int ret = out ? av_frame_copy_props(out, in) : AVERROR(ENOMEM);

    if (ret >= 0 && (ret = ff_fatezero_convert(from_rgb, out, edited)) >= 0)
        ff_fatezero_copy_alpha(out, in);
    if (ret >= 0 && out->width == in->width && (ret = allocate(&unedited, in, edited->format, in->width)) >= 0 &&
        (ret = ff_fatezero_convert(to_rgb, unedited, in)) >= 0)
        ff_fatezero_keep_samples(out, in, edited, unedited);
    av_frame_free(&unedited);
    av_frame_free(target);
    *target = out;
    return ret;
}

static int restore(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    FatezeroScalers to_rgb = { { NULL } };
    int ret = 0;

    for (int edit = 0; edit < ctx->nb_outputs; edit++) {
        FatezeroScalers from_rgb = { { NULL } };

        for (int i = 0; i < s->edited.nb_frames && ret >= 0; i++) {
            AVFrame **target = &s->targets[i * ctx->nb_outputs + edit], *in = s->edited.frames[i];

            if (in->format != (*target)->format)
                ret = restore_frame(ctx->outputs[edit], &to_rgb, &from_rgb, target, in);
        }
        ff_fatezero_free_scalers(&from_rgb);
    }
    ff_fatezero_free_scalers(&to_rgb);
    return ret;
}

/** Sends a frame unedited to every output. */
static int pass_frame(AVFilterContext *ctx, AVFrame *frame)
{
    FatezeroContext *s = ctx->priv;
    AVFrame **done = s->done + s->nb_done++ * ctx->nb_outputs;
    int ret = 0;

    for (int i = 0; i < ctx->nb_outputs && ret >= 0; i++)
        if (!(done[i] = ff_fatezero_repeat(ctx->outputs[i], frame, panels(s, i))))
            ret = AVERROR(ENOMEM);
    if (ret < 0) {
        free_frames(done, 0, ctx->nb_outputs);
        s->nb_done--;
    }
    av_frame_free(&frame);
    return ret;
}

static int pass_frames(AVFilterContext *ctx, AVFrame **frames, int *nb_frames)
{
    int ret = 0;

    for (int i = 0; i < *nb_frames && ret >= 0; i++) {
        ret = pass_frame(ctx, frames[i]);
        frames[i] = NULL;
    }
    if (ret >= 0)
        *nb_frames = 0;
    return ret;
}

/** A window that could not be edited: with on_error=pass its frames pass as they are. */
static int fail(AVFilterContext *ctx, int error, const char *message)
{
    FatezeroContext *s = ctx->priv;

    free_frames(s->targets, 0, s->edited.nb_frames * ctx->nb_outputs);
    if (error == AVERROR_EXIT)
        return error;
    if (s->options.on_error == ON_ERROR_PASS) {
        av_log(ctx, AV_LOG_WARNING, "%s; %d frames pass unedited\n", message, s->edited.nb_frames);
        return pass_frames(ctx, s->edited.frames, &s->edited.nb_frames);
    }
    av_log(ctx, AV_LOG_ERROR, "%s\n", message);
    return error;
}

/** Gives the window to the worker, which must be idle. */
static int start(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    int ret;

    FFSWAP(Window, s->window, s->edited);
    s->window.nb_frames = s->window.begins = 0;
    s->window.shot      = s->edited.shot;
    s->window.editor    = s->edited.editor;
    s->untold          |= s->edited.begins;
    if ((ret = prepare(ctx)) < 0)
        return fail(ctx, ret, av_err2str(ret));
    ff_fatezero_give(&s->worker, edit);
    return 0;
}

/** Waits until the worker has edited the window that it has, if any; its frames are done then. */
static int finish(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    int n = s->edited.nb_frames, ret;

    if (!n)
        return 0;
    ff_fatezero_set_state(&s->worker, WORKER_IDLE);
    if (s->code)
        return fail(ctx, to_averror(s->code), s->error.message);
    ret = restore(ctx);
    for (int i = 0; i < n * ctx->nb_outputs && ret >= 0; i++)
        ret = describe(s, s->targets[i], i % ctx->nb_outputs, i / ctx->nb_outputs + 1);
    if (ret < 0)
        return fail(ctx, ret, av_err2str(ret));
    s->windows++;
    av_log(ctx, AV_LOG_VERBOSE, "window %d: %d frames in %.1f s\n", s->windows, n, 1e-6 * s->duration);
    for (int i = 0; i < n * ctx->nb_outputs; i++) {
        s->done[s->nb_done * ctx->nb_outputs + i] = s->targets[i];
        s->targets[i] = NULL;
    }
    s->nb_done += n;
    free_frames(s->edited.frames, 0, n);
    s->edited.nb_frames = 0;
    return 0;
}

/** Edits all frames that were taken. */
static int flush(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    int ret = finish(ctx);

    if (ret >= 0 && s->window.nb_frames && (ret = start(ctx)) >= 0)
        ret = finish(ctx);
    return ret;
}

/** The editor of a frame, by its number. */
static Editor *editor_of(const FatezeroContext *s, int64_t number)
{
    Editor *editor = s->window.editor;

    while (editor->next && editor->next->first <= number)
        editor = editor->next;
    return editor;
}

/** A frame that is not taken because of an error: kept if that is an interrupt, since it may yet pass unedited. */
static void refuse(FatezeroContext *s, AVFrame *frame, int error)
{
    if (error == AVERROR_EXIT)
        s->interrupted = frame;
    else
        av_frame_free(&frame);
}

/** Adds a frame to the window, or to a new one if it begins a shot or a command has changed what is made of it. */
static int gather(AVFilterContext *ctx, AVFrame *frame, int64_t number)
{
    FatezeroContext *s = ctx->priv;
    Editor *editor = editor_of(s, number);
    int ret = ff_fatezero_evaluate_mix(ctx, s->course, frame, number);

    if (ret >= 0 && (s->shot_ends || editor != s->window.editor) && s->window.nb_frames && (ret = finish(ctx)) >= 0)
        ret = start(ctx);
    if (ret >= 0 && s->mask) {
        av_frame_free(&s->window.masks[s->window.nb_frames]);
        if (!(s->window.masks[s->window.nb_frames] = av_frame_clone(s->mask)))
            ret = AVERROR(ENOMEM);
    }
    if (ret < 0) {
        refuse(s, frame, ret);
        return ret;
    }
    if (s->shot_ends || !s->window.shot)
        s->window.shot++;
    if (!s->window.nb_frames)
        s->window.begins = s->shot_ends;
    s->shot_ends = 0;
    s->window.editor = editor;
    s->window.frames[s->window.nb_frames++] = frame;
    return 0;
}

static int64_t end_of(const AVFilterLink *link, const AVFrame *frame)
{
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
    int64_t duration = frame->duration;
#else       // filters that change the time base leave pkt_duration as it was
    int64_t duration = link->frame_rate.num > 0 ? av_rescale_q(1, av_inv_q(link->frame_rate), link->time_base) : 0;
#endif

    return frame->pts == AV_NOPTS_VALUE ? AV_NOPTS_VALUE : frame->pts + FFMAX(duration, 1);
}

static void end_inputs(AVFilterContext *ctx, int status)
{
    for (int i = 0; i < ctx->nb_inputs; i++)
        ff_inlink_set_status(ctx->inputs[i], status);
}

/** No more frames are taken: the stream ends there. */
static void end_stream(AVFilterContext *ctx, int64_t pts)
{
    FatezeroContext *s = ctx->priv;

    s->status     = AVERROR_EOF;
    s->status_pts = pts;
    end_inputs(ctx, AVERROR_EOF);
}

/** The host was asked to stop before anything was edited: the frames that are there pass as they are, and the stream ends. */
static int pass_last(AVFilterContext *ctx, AVFrame *frame)
{
    FatezeroContext *s = ctx->priv;
    int64_t pts = end_of(ctx->inputs[0], frame);
    int ret = pass_frames(ctx, s->window.frames, &s->window.nb_frames);

    if (ret < 0)
        av_frame_free(&frame);
    else
        ret = pass_frame(ctx, frame);
    if (ret >= 0 && !ff_inlink_queued_frames(ctx->inputs[0])) {
        av_log(ctx, AV_LOG_WARNING, "interrupted before the first window: the frames so far pass unedited\n");
        end_stream(ctx, pts);
    }
    return ret;
}

/** Takes over a frame that has arrived. */
static int take(AVFilterContext *ctx, AVFrame *frame)
{
    FatezeroContext *s = ctx->priv;
    int disabled = ctx->is_disabled;            // of this frame: ff_inlink_consume_frame() has just evaluated enable=
    int64_t number = s->taken++;
    int ret = ff_fatezero_adopt(ctx->inputs[0], &frame);

    ff_fatezero_follow_course(&s->course, number);
    if (ret >= 0 && (!s->window.editor || ff_fatezero_interrupted(&s->signals) && !s->windows && !s->edited.nb_frames))
        return pass_last(ctx, frame);
    if (ret >= 0 && (ret = ff_fatezero_begins_shot(&s->shots, frame, s->course->cut)) > 0)
        s->shot_ends = 1;
    if (ret >= 0 && (disabled || s->window.nb_frames && !ff_fatezero_are_alike(frame, s->window.frames[0])))
        ret = flush(ctx);
    if (ret < 0)
        refuse(s, frame, ret);
    else if (disabled) {
        s->window.editor = editor_of(s, number);
        ret = pass_frame(ctx, frame);
    } else
        ret = gather(ctx, frame, number);
    if (ret >= 0 && s->window.nb_frames == s->capacity && (ret = finish(ctx)) >= 0)
        ret = start(ctx);
    /* a host that wants a frame for each that it brings cannot wait for the next */
    if (ret >= 0 && s->capacity == 1)
        ret = finish(ctx);
    return ret;
}

/**
 * The host was asked to stop: the stream ends before the window, so that the host can close its files at once.
 * A file without a single frame would not play, so the first frames pass as they are.
 */
static int cancel(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    const Window *window = s->window.nb_frames ? &s->window : &s->edited;
    const AVFrame *last  = s->interrupted ? s->interrupted : window->frames[window->nb_frames - 1];
    int ret;

    end_stream(ctx, s->windows ? s->edited.frames[0]->pts : end_of(ctx->inputs[0], last));
    if (s->windows) {
        av_log(ctx, AV_LOG_WARNING, "interrupted: %d frames dropped\n", drop_waiting(ctx));
        return 0;
    }
    av_log(ctx, AV_LOG_WARNING, "interrupted: %d frames pass unedited\n", s->edited.nb_frames + s->window.nb_frames + !!s->interrupted);
    ret = pass_frames(ctx, s->edited.frames, &s->edited.nb_frames);
    if (ret >= 0)
        ret = pass_frames(ctx, s->window.frames, &s->window.nb_frames);
    if (ret >= 0 && s->interrupted) {
        ret = pass_frame(ctx, s->interrupted);
        s->interrupted = NULL;
    }
    return ret;
}

/** Sends the next frame that is done to every output that still takes frames. */
static int emit(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    AVFrame **done = s->done + s->next_done++ * ctx->nb_outputs;
    int ret = 0;

    if (s->next_done == s->nb_done)
        s->nb_done = s->next_done = 0;
    s->wanted = 0;
    for (int i = 0; i < ctx->nb_outputs; i++) {
        AVFrame *frame = done[i];

        done[i] = NULL;
        if (ret >= 0 && !ff_outlink_get_status(ctx->outputs[i]))
            ret = ff_filter_frame(ctx->outputs[i], frame);
        else
            av_frame_free(&frame);
    }
    ff_filter_set_ready(ctx, 100);
    return ret;
}

/** A host that has all it wants ends its input, too: then what is left need not be edited. */
static int is_wanted(AVFilterContext *ctx)
{
    int wanted = 0;

    for (int i = 0; i < ctx->nb_outputs; i++)
        wanted |= ff_outlink_frame_wanted(ctx->outputs[i]);
    return wanted;
}

static int activate(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    AVFilterLink *inlink = ctx->inputs[0];
    AVFrame *frame;
    int open = 0, status = 0, ret;

    if (!s->worker.is_there)    // the host goes on with a graph that could not be configured
        return AVERROR(EINVAL);
    s->wanted = is_wanted(ctx);
    for (int i = 0; i < ctx->nb_outputs; i++) {
        int ended = ff_outlink_get_status(ctx->outputs[i]);

        open += !ended;
        status = ended ? ended : status;
    }
    if (!open) {
        drop(ctx);
        end_inputs(ctx, status);
        return 0;
    }

    /* taken at once: the link's queue is not meant to hold a whole window */
    while (!s->nb_done && !s->status && !s->failed) {
        s->taking = 1;
        if ((ret = ff_fatezero_find_mask(ctx, &s->mask)) > 0)
            ret = ff_inlink_consume_frame(inlink, &frame);
        s->taking = 0;
        if (ret > 0)
            ret = take(ctx, frame);
        else if (!ret && is_wanted(ctx) && ff_inlink_acknowledge_status(inlink, &s->status, &s->status_pts))
            ret = flush(ctx);
        else if (!ret && ff_fatezero_is_finished(&s->worker))
            ret = finish(ctx);
        else if (!ret)
            break;
        if (ret == AVERROR_EXIT)
            ret = cancel(ctx);
        if (ret < 0) {
            s->failed = ret;
            stop(ctx);
        }
    }

    /* as they are wanted, or the host could not end its streams together; one that stops wants nothing any more, and gets them all */
    if (s->next_done < s->nb_done)
        return s->failed || ff_fatezero_interrupted(&s->signals) || is_wanted(ctx) ? emit(ctx) : 0;
    if (s->failed)
        return s->failed;
    for (int i = 0; i < ctx->nb_outputs; i++) {
        AVFilterLink *outlink = ctx->outputs[i];

        if (s->status && !ff_outlink_get_status(outlink))
            ff_outlink_set_status(outlink, s->status, s->status_pts);
    }
    if (s->status) {
        end_inputs(ctx, AVERROR_EOF);       // masks that are left
        return 0;
    }
    if (ctx->nb_inputs > 1 && ff_inlink_queued_frames(inlink))  // its mask is missing
        inlink = ctx->inputs[1];
    for (int i = 0; i < ctx->nb_outputs; i++)
        FF_FILTER_FORWARD_WANTED(ctx->outputs[i], inlink);
    return FFERROR_NOT_READY;
}

static void free_windows(FatezeroContext *s)
{
    for (int i = 0; i < 2; i++) {
        Window *window = i ? &s->edited : &s->window;

        if (window->masks)
            free_frames(window->masks, 0, s->capacity);
        av_freep(&window->masks);
        av_freep(&window->frames);
    }
    av_freep(&s->targets);
    av_freep(&s->done);
    av_freep(&s->source_images);
    av_freep(&s->target_images);
    av_freep(&s->mask_images);
    av_freep(&s->shares);
}

static int allocate_windows(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;

    s->window.frames = av_calloc(s->capacity, sizeof(*s->window.frames));
    s->window.masks  = av_calloc(s->capacity, sizeof(*s->window.masks));
    s->edited.frames = av_calloc(s->capacity, sizeof(*s->edited.frames));
    s->edited.masks  = av_calloc(s->capacity, sizeof(*s->edited.masks));
    s->targets       = av_calloc(s->capacity * ctx->nb_outputs, sizeof(*s->targets));
    s->done          = av_calloc((2 * s->capacity + 1) * ctx->nb_outputs, sizeof(*s->done));
    s->source_images = av_calloc(s->capacity, sizeof(*s->source_images));
    s->target_images = av_calloc(s->capacity * ctx->nb_outputs, sizeof(*s->target_images));
    s->mask_images   = av_calloc(s->capacity, sizeof(*s->mask_images));
    s->shares        = av_calloc(s->capacity, sizeof(*s->shares));
    return s->window.frames && s->window.masks && s->edited.frames && s->edited.masks && s->targets && s->done && s->source_images &&
           s->target_images && s->mask_images && s->shares ? 0 : AVERROR(ENOMEM);
}

/** Filters of a graph are set up one after another: this one hears what another has heard while it waited for that one to load. */
static void listen_with_graph(AVFilterContext *ctx)
{
    FatezeroSignals *signals = &((FatezeroContext *)ctx->priv)->signals;

    ff_fatezero_listen(signals);
    for (int i = 0; i < ctx->graph->nb_filters; i++) {
        const AVFilterContext *other = ctx->graph->filters[i];
        const FatezeroContext *s = other->filter == ctx->filter ? other->priv : ctx->priv;

        if (s->signals.listening)
            signals->seen = FFMIN(signals->seen, s->signals.seen);
    }
}

/** Has the worker open the first editor, if the host does not want to stop before. */
static int open_first_editor(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    int ret;

    if (!(s->settings = ff_fatezero_settings(&s->options)))
        return AVERROR(ENOMEM);
    listen_with_graph(ctx);
    if ((ret = ff_fatezero_start_worker(&s->worker, ctx, open_editor)) < 0)
        return ret;
    ff_fatezero_set_state(&s->worker, WORKER_IDLE);
    if (!s->editor && !(s->open_error.code == FATEZERO_CANCELLED && ff_fatezero_interrupted(&s->signals))) {
        av_log(ctx, AV_LOG_ERROR, "%s\n", s->open_error.message);
        return to_averror(s->open_error.code);
    }
    return s->editor && fatezero_edits(s->editor->fz) != ctx->nb_outputs ? AVERROR_BUG : 0;
}

/** Leaves the filter as it was before setup(). */
static void tear_down(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;

    ff_fatezero_end_worker(&s->worker, close_editors);
    ff_fatezero_unlisten(&s->signals);
    ff_fatezero_free_settings(&s->settings);
    free_windows(s);
    s->window.editor = NULL;
}

/** Not in init(), which ffmpeg also calls for graphs that it never runs. */
static int setup(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    int ret;

    if (s->worker.is_there)
        return 0;
    if (lost_frames)
        av_log(ctx, AV_LOG_WARNING, "%d frames lost that waited when the graph before this one was freed "
               "(a change of the video's size or format does that; -reinit_filter 0 keeps them)\n", lost_frames);
    lost_frames = 0;
    if ((ret = open_first_editor(ctx)) >= 0) {
        ff_fatezero_free_settings(&s->settings);
        s->window.editor = s->editor;
        s->capacity      = s->editor ? fatezero_window(s->editor->fz) : 1;
        if (s->editor && s->editor->mixes && !strcmp(s->options.mix, "0"))
            av_log(ctx, AV_LOG_WARNING, "prompt2 is not seen unless mix= is more than 0 (a colon in prompt= is written as \\:)\n");
        ret = allocate_windows(ctx);
    }
    if (ret < 0)
        tear_down(ctx);
    return ret;
}

static Editor *last_editor(const FatezeroContext *s)
{
    Editor *last = s->window.editor;

    while (last->next)
        last = last->next;
    return last;
}

/** The number of the first frame that is not there yet. */
static int64_t next_frame(AVFilterContext *ctx)
{
    const FatezeroContext *s = ctx->priv;

    return s->taken + (s->taking || !ctx->inputs[0] ? 0 : ff_inlink_queued_frames(ctx->inputs[0]));   /* which may not be linked yet */
}

/** Has the worker open an editor for the frames that come next. Those that wait in the link are edited as they would have been. */
static int change_editor(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;

    if (!(s->settings = ff_fatezero_settings(&s->options)))
        return AVERROR(ENOMEM);
    ff_fatezero_give(&s->worker, open_editor);
    ff_fatezero_set_state(&s->worker, s->edited.nb_frames ? WORKER_FINISHED : WORKER_IDLE);
    ff_fatezero_free_settings(&s->settings);
    return s->open_error.code ? to_averror(s->open_error.code) : 0;
}

/** Changes options from the next frame on, once the window that is being edited is done. */
static int process_command(AVFilterContext *ctx, const char *command, const char *value, char *answer, int length, int flags)
{
    FatezeroContext *s = ctx->priv;
    FatezeroOptions before = { .class = s->options.class };
    FatezeroCourse *course = NULL;
    const int64_t commanded = s->commanded;
    int ret, parsed;

    if (flags & AVFILTER_CMD_FLAG_FAST)
        return AVERROR(ENOSYS);
    if (answer && length > 0)
        *answer = '\0';
    if (!value)
        value = "";
    s->open_error.code = FATEZERO_OK;   // of what an earlier command opened
    if ((ret = av_opt_copy(&before, &s->options)) < 0) {
        av_opt_free(&before);
        return ret;
    }
    ret = strcmp(command, "reinit") ? ff_fatezero_set_option(ctx, &s->options, command, value)
                                   : ff_fatezero_set_options(ctx, &s->options, value);
    /* one that was queued for a frame may come after one that counts from a later frame on */
    s->commanded = FFMAX(s->commanded, next_frame(ctx));
    if (ret >= 0 && (parsed = ff_fatezero_make_course(ctx, &course, &s->options, s->commanded)) < 0)
        ret = parsed;
    if (!ret && s->window.editor && strcmp(s->options.mix, "0") && !last_editor(s)->mixes) {
        av_log(ctx, AV_LOG_ERROR, "mix needs prompt2=, what the frames move to\n");
        ret = AVERROR(EINVAL);
    }
    if (ret > 0 && s->window.editor && (ret = change_editor(ctx)) < 0 && s->open_error.code) {
        av_log(ctx, AV_LOG_ERROR, "%s %s: %s\n", command, value, s->open_error.message);
        if (answer)
            av_strlcpy(answer, s->open_error.message, length);
    }
    if (ret < 0) {
        FFSWAP(FatezeroOptions, s->options, before);    /* a copy could fail */
        s->commanded = commanded;
        ff_fatezero_free_courses(&course);
    } else {
        ff_fatezero_add_course(&s->course, course);
    }
    av_opt_free(&before);
    return FFMIN(ret, 0);
}

static int config_output(AVFilterLink *outlink)
{
    AVFilterContext *ctx = outlink->src;
    FatezeroContext *s = ctx->priv;
    int ret = setup(ctx);

    if (ret < 0)
        return ret;
    outlink->w = ctx->inputs[0]->w * panels(s, FF_OUTLINK_IDX(outlink));
    outlink->h = ctx->inputs[0]->h;
    return 0;
}

/** The number of parts of a text, separated by '|'. */
static int parts(const char *text)
{
    int n = 1;

    for (; text && (text = strchr(text, '|')); text++)
        n++;
    return n;
}

/** An output for each edit after the first, and an input of masks. */
static av_cold int init(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    AVFilterPad masks = { .name = "mask", .type = AVMEDIA_TYPE_VIDEO };
    int ret = ff_fatezero_make_course(ctx, &s->course, &s->options, 0);

    if (ret < 0 || s->options.mask && (ret = ff_append_inpad(ctx, &masks)) < 0)
        return ret;
    for (int i = FFMAX(parts(s->options.presets), parts(s->options.edit)); i > 1; i--) {
        AVFilterPad pad = {
            .name         = av_asprintf("output%d", ctx->nb_outputs),
            .type         = AVMEDIA_TYPE_VIDEO,
            .config_props = config_output,
        };

        if (!pad.name)
            return AVERROR(ENOMEM);
        if ((ret = ff_append_outpad_free_name(ctx, &pad)) < 0)
            return ret;
    }
    return 0;
}

static av_cold void uninit(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    int lost = drop(ctx);

    if (s->wanted)
        lost_frames += lost;
    tear_down(ctx);
    av_frame_free(&s->shots.previous);
    av_frame_free(&s->mask);
    ff_fatezero_free_courses(&s->course);
}

AVFILTER_DEFINE_CLASS_EXT(fatezero, "fatezero", ff_fatezero_options);

static const AVFilterPad inputs[] = {
    {
        .name = "default",
        .type = AVMEDIA_TYPE_VIDEO,
    },
};

static const AVFilterPad outputs[] = {
    {
        .name         = "output0",
        .type         = AVMEDIA_TYPE_VIDEO,
        .config_props = config_output,
    },
};

/* Other formats are converted by FFmpeg before the filter: packed YUV without loss, grey because an edit has colours. */
static const enum AVPixelFormat pix_fmts[] = {
    AV_PIX_FMT_RGB24,      AV_PIX_FMT_RGB48,      AV_PIX_FMT_BGR24,      AV_PIX_FMT_BGR48,
    AV_PIX_FMT_RGBA,       AV_PIX_FMT_BGRA,       AV_PIX_FMT_ARGB,       AV_PIX_FMT_ABGR,       AV_PIX_FMT_RGBA64,     AV_PIX_FMT_BGRA64,
    AV_PIX_FMT_RGB0,       AV_PIX_FMT_BGR0,       AV_PIX_FMT_0RGB,       AV_PIX_FMT_0BGR,
    AV_PIX_FMT_GBRP,       AV_PIX_FMT_GBRP9,      AV_PIX_FMT_GBRP10,     AV_PIX_FMT_GBRP12,     AV_PIX_FMT_GBRP14,     AV_PIX_FMT_GBRP16,
    AV_PIX_FMT_GBRAP,      AV_PIX_FMT_GBRAP10,    AV_PIX_FMT_GBRAP12,    AV_PIX_FMT_GBRAP16,
    AV_PIX_FMT_YUV420P,    AV_PIX_FMT_YUV422P,    AV_PIX_FMT_YUV444P,    AV_PIX_FMT_YUV440P,    AV_PIX_FMT_YUV411P,    AV_PIX_FMT_YUV410P,
    AV_PIX_FMT_YUVJ420P,   AV_PIX_FMT_YUVJ422P,   AV_PIX_FMT_YUVJ444P,   AV_PIX_FMT_YUVJ440P,   AV_PIX_FMT_YUVJ411P,
    AV_PIX_FMT_YUV420P9,   AV_PIX_FMT_YUV422P9,   AV_PIX_FMT_YUV444P9,
    AV_PIX_FMT_YUV420P10,  AV_PIX_FMT_YUV422P10,  AV_PIX_FMT_YUV444P10,  AV_PIX_FMT_YUV440P10,
    AV_PIX_FMT_YUV420P12,  AV_PIX_FMT_YUV422P12,  AV_PIX_FMT_YUV444P12,  AV_PIX_FMT_YUV440P12,
    AV_PIX_FMT_YUV420P14,  AV_PIX_FMT_YUV422P14,  AV_PIX_FMT_YUV444P14,
    AV_PIX_FMT_YUV420P16,  AV_PIX_FMT_YUV422P16,  AV_PIX_FMT_YUV444P16,
    AV_PIX_FMT_YUVA420P,   AV_PIX_FMT_YUVA422P,   AV_PIX_FMT_YUVA444P,
    AV_PIX_FMT_YUVA420P9,  AV_PIX_FMT_YUVA422P9,  AV_PIX_FMT_YUVA444P9,
    AV_PIX_FMT_YUVA420P10, AV_PIX_FMT_YUVA422P10, AV_PIX_FMT_YUVA444P10,
    AV_PIX_FMT_YUVA422P12, AV_PIX_FMT_YUVA444P12,
    AV_PIX_FMT_YUVA420P16, AV_PIX_FMT_YUVA422P16, AV_PIX_FMT_YUVA444P16,
    AV_PIX_FMT_NV12,       AV_PIX_FMT_P010,       AV_PIX_FMT_P016,
    AV_PIX_FMT_NONE
};

/**
 * The masks' own, or they would have to agree with the video's. They are planes of RGB, which are gray from 0 to 255: a source that paints
 * gray, as color does, takes black to be 16.
 */
static int query_mask_formats(AVFilterFormatsConfig *masks)
{
    static const enum AVPixelFormat planes[] = { AV_PIX_FMT_GBRP, AV_PIX_FMT_NONE };
    int ret = ff_formats_ref(ff_make_format_list((const int *)planes), &masks->formats);

#if LIBAVFILTER_VERSION_INT >= AV_VERSION_INT(9, 16, 100)
    if (ret >= 0 && (ret = ff_formats_ref(ff_all_color_spaces(), &masks->color_spaces)) >= 0)
        ret = ff_formats_ref(ff_all_color_ranges(), &masks->color_ranges);
#endif
#if LIBAVFILTER_VERSION_INT >= AV_VERSION_INT(11, 6, 100)
    if (ret >= 0)
        ret = ff_formats_ref(ff_all_alpha_modes(), &masks->alpha_modes);
#endif
    return ret;
}

static int query_formats(AVFilterContext *ctx)
{
    int ret = ctx->nb_inputs > 1 ? query_mask_formats(&ctx->inputs[1]->outcfg) : 0;

    return ret < 0 ? ret : ff_set_common_formats_from_list(ctx, (const int *)pix_fmts);
}

const FILTER ff_vf_fatezero = {
    PUBLIC(name)        = "fatezero",
    PUBLIC(description) = NULL_IF_CONFIG_SMALL("Edit video by words."),
    PUBLIC(priv_class)  = &fatezero_class,
    PUBLIC(flags)       = AVFILTER_FLAG_SUPPORT_TIMELINE_INTERNAL | AVFILTER_FLAG_DYNAMIC_INPUTS | AVFILTER_FLAG_DYNAMIC_OUTPUTS,
    .priv_size          = sizeof(FatezeroContext),
    .init               = init,
    .uninit             = uninit,
    .activate           = activate,
    .process_command    = process_command,
    FILTER_INPUTS(inputs),
    FILTER_OUTPUTS(outputs),
    FILTER_QUERY_FUNC(query_formats),
};
