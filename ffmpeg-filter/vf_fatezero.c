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
 * Each of several edits has its own output; they share one inversion of the window.
 *
 * The engine takes packed RGB. What is edited is converted to it and back here, by each frame's own tags, so that frames
 * come out in the format that they came in, tagged as they were; what passes unedited is not touched.
 */

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <fatezero.h>

#include "libavutil/avstring.h"
#include "libavutil/common.h"
#include "libavutil/dict.h"
#include "libavutil/error.h"
#include "libavutil/frame.h"
#include "libavutil/imgutils.h"
#include "libavutil/macros.h"
#include "libavutil/mem.h"
#include "libavutil/opt.h"
#include "libavutil/pixdesc.h"
#include "libavutil/pixfmt.h"
#include "libavutil/thread.h"
#include "libavutil/time.h"
#include "libswscale/swscale.h"

#include "avfilter.h"
#include "filters.h"
#include "formats.h"
#include "scene_sad.h"
#include "version.h"
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

#define SHORTEST_SHOT 4 ///< frames; a cut that follows the last one sooner is a flash
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
#define DURATION(frame) (frame)->duration
#else
#define DURATION(frame) (frame)->pkt_duration
#endif

#define REPORT_INTERVAL 3000000 ///< microseconds between two lines of progress, at least

enum OnError {
    ON_ERROR_FAIL,
    ON_ERROR_PASS,
};

enum State {
    ABSENT,
    IDLE,
    BUSY,       ///< the window that it edits, and the editors, are the worker's
    FINISHED,
    LEAVING,
};

#define OFFSET(x) offsetof(FatezeroContext, x)

/** An editor, and from which frame on it edits. */
typedef struct Editor {
    fatezero *fz;
    int64_t first;              ///< frame, counted from 0 as they arrive
    struct Editor *next;        ///< that edits what follows, as a command wanted
} Editor;

typedef struct FatezeroContext {
    const AVClass *class;

    /* options, in the order of the table; those before cut are the engine's, which has what is at its default here decided by the preset */
    char *preset;
    char *presets;
    char *edit;
    char *prompt;
    char *source;
    char *captioner;
    char *from;
    char *to;
    char *promptfile;
    char *negative;
    char *model;
    char *lora;
    char *device;
    int precision;
    int window_size;
    int steps;
    int solver;
    double guidance;
    double strength;
    double start;
    double forget;
    char *self_replace;
    char *cross_replace;
    int control;
    char *emphasize;
    char *blend;
    char *threshold;
    int blend_pool;
    int blend_attention;
    char *blend_latents;
    double confine;
    char *keys;
    int anchor;
    char *keys_at;
    int fuse_at;
    int method;
    char *inject;
    char *inject_at;
    double inject_weight;
    char *inject_kv;
    int fuse;
    int attention;
    int norm;
    int parity;
    int size;
    int store;
    char *inversion;
    double cache_limit;
    char *show;
    double cut;
    int on_error;

    char **settings;            ///< what an editor is opened with: option, value, ...
    Editor *editor;             ///< the first that is open; the worker's
    Editor *window_editor;      ///< NULL if the host was asked to stop before there was one
    Editor *edited_editor;
    int capacity;               ///< frames of a full window

    int64_t taken;              ///< frames so far
    int taking;                 ///< the next frame is being taken from the link, whose queue it has left
    AVFrame **window;           ///< frames to be edited together
    int nb_window;
    AVFrame **edited;           ///< those that the worker edits
    AVFrame **targets;          ///< what they become, in RGB, one for each output
    int nb_edited;
    AVFrame **done;             ///< frames on their way out, one for each output: at most two windows and what ended them
    int nb_done, next_done;
    fatezero_image *source_images, *target_images;  ///< the latter one output's after another's

    pthread_t worker;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum State state;           ///< of the worker; under the lock, as long as it is there
    void (*task)(AVFilterContext *ctx);     ///< what it is busy with
    atomic_int stop;            ///< what the worker edits is not wanted any more
    fatezero_code code;         ///< what came of the window
    fatezero_error error;
    fatezero_error open_error;  ///< what came of the last editor that was opened
    int64_t duration;

    int wanted;                 ///< the host waits for a frame
    int status;                 ///< of the input, once it has ended
    int64_t status_pts;

    AVFrame *previous;          ///< the last frame that arrived
    double change;              ///< between it and the one before
    int shot_length;            ///< frames that arrived since the last cut
    int shot_ends;              ///< the next frame to be edited begins a shot
    int window_begins, edited_begins;   ///< the window's first frame begins a shot
    int window_shot, edited_shot;       ///< the shot that it is in, from 1

    int windows;                ///< edited so far
    int warned_hdr, warned_matrix;
    int listening;
    int starting;               ///< Java and libtorch are being loaded, and signals are held
    sig_atomic_t signals;       ///< signals seen when the stream began

    char phase[16];
    int first_step, last_step;  ///< of the phase, as seen
    int64_t first_time, last_time, report_time;
} FatezeroContext;

/*
 * A filter is not told that its host was asked to stop, and a window may take minutes. So while a
 * fatezero filter exists, handlers of its own for SIGINT and SIGTERM count the signals and then call
 * the host's. Handlers belong to the process, so this is global state.
 *
 * The host may install a handler after ours that calls ours, and ours must then not call that one
 * again. Ours cannot be removed either while another handler calls it. So there are several functions:
 * one that cannot be removed stays installed, and the next filter installs the next.
 */
#define NB_LEVELS 4

static const int signal_numbers[] = { SIGINT, SIGTERM };
static struct sigaction host_actions[FF_ARRAY_ELEMS(signal_numbers)][NB_LEVELS];
static int nb_levels[FF_ARRAY_ELEMS(signal_numbers)];
static volatile sig_atomic_t signal_count;
static atomic_int nb_starting, held[FF_ARRAY_ELEMS(signal_numbers)];
static AVMutex signal_lock = AV_MUTEX_INITIALIZER;
static int nb_listeners;

static void hear(int level, int number, siginfo_t *info, void *context)
{
    const int i = number == SIGTERM;
    struct sigaction top;

    signal_count++;
    /* the host may call exit(), which libraries that are being loaded do not survive */
    atomic_store(&held[i], 1);
    if (atomic_load(&nb_starting) || !atomic_exchange(&held[i], 0))
        return;
    /* a handler that we replaced, and that was installed anew above ours, is calling us: it has run already */
    if (!sigaction(number, NULL, &top))
        while (level >= 0 && host_actions[i][level].sa_sigaction == top.sa_sigaction)
            level--;
    if (level < 0)
        return;
    if (host_actions[i][level].sa_flags & SA_SIGINFO)
        host_actions[i][level].sa_sigaction(number, info, context);
    else
        host_actions[i][level].sa_handler(number);
}

#define LEVEL(n) static void on_signal##n(int number, siginfo_t *info, void *context) { hear(n, number, info, context); }
LEVEL(0)
LEVEL(1)
LEVEL(2)
LEVEL(3)

static void (*const on_signal[NB_LEVELS])(int, siginfo_t *, void *) = { on_signal0, on_signal1, on_signal2, on_signal3 };

/** @return the level of our function that handles a signal, -1 if another does */
static int find_level(int number, struct sigaction *action)
{
    int level = sigaction(number, NULL, action) < 0 || !(action->sa_flags & SA_SIGINFO) ? -1 : NB_LEVELS - 1;

    while (level >= 0 && action->sa_sigaction != on_signal[level])
        level--;
    return level;
}

static void listen_to_signals(FatezeroContext *s)
{
    ff_mutex_lock(&signal_lock);
    for (int i = 0; !nb_listeners && i < FF_ARRAY_ELEMS(signal_numbers); i++) {
        struct sigaction action = { .sa_handler = SIG_DFL };

        if (find_level(signal_numbers[i], &action) >= 0 || nb_levels[i] == NB_LEVELS ||
            action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN)
            continue;
        host_actions[i][nb_levels[i]] = action;
        action.sa_sigaction = on_signal[nb_levels[i]++];
        action.sa_flags    |= SA_SIGINFO;
        sigaction(signal_numbers[i], &action, NULL);
    }
    nb_listeners++;
    ff_mutex_unlock(&signal_lock);
    s->listening = 1;
    s->signals   = signal_count;
}

static void ignore_signals(FatezeroContext *s)
{
    if (!s->listening)
        return;
    ff_mutex_lock(&signal_lock);
    nb_listeners--;
    for (int i = 0; !nb_listeners && i < FF_ARRAY_ELEMS(signal_numbers); i++) {
        struct sigaction action;
        int level;

        while ((level = find_level(signal_numbers[i], &action)) >= 0) {
            sigaction(signal_numbers[i], &host_actions[i][level], NULL);
            nb_levels[i] = level;
        }
    }
    ff_mutex_unlock(&signal_lock);
    s->listening = 0;
}

/** From now on, until deliver_signals(), the host's handlers wait. */
static void hold_signals(FatezeroContext *s)
{
    s->starting = 1;
    atomic_fetch_add(&nb_starting, 1);
}

/** Signals of one number that arrived in the meantime are delivered once, as the kernel does with pending signals. */
static void deliver_signals(FatezeroContext *s)
{
    if (!s->starting)
        return;
    s->starting = 0;
    if (atomic_fetch_sub(&nb_starting, 1) > 1)
        return;
    for (int i = 0; i < FF_ARRAY_ELEMS(signal_numbers); i++)
        if (atomic_exchange(&held[i], 0))
            kill(getpid(), signal_numbers[i]);
}

static int interrupted(const FatezeroContext *s)
{
    return signal_count != s->signals;
}

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

    deliver_signals(s);
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
    return !interrupted(s) && !atomic_load(&s->stop);
}

static int panels(const FatezeroContext *s, int edit)
{
    return s->window_editor ? fatezero_panels(s->window_editor->fz, edit) : 1;
}

static void free_frames(AVFrame **frames, int first, int end)
{
    for (int i = first; i < end; i++)
        av_frame_free(&frames[i]);
}

/** @param edit counted from 0, @param number from 1 */
static int describe(const FatezeroContext *s, AVFrame *frame, int edit, int number)
{
    const char *const *entry = fatezero_metadata(s->edited_editor->fz, edit);
    char key[128];
    int ret;

    if ((ret = av_dict_set_int(&frame->metadata, "lavfi.fatezero.shot", s->edited_shot, 0)) < 0 ||
        (ret = av_dict_set_int(&frame->metadata, "lavfi.fatezero.window", s->windows, 0)) < 0 ||
        (ret = av_dict_set_int(&frame->metadata, "lavfi.fatezero.frame", number, 0)) < 0)
        return ret;
    for (; *entry && ret >= 0; entry += 2) {
        snprintf(key, sizeof(key), "lavfi.fatezero.%s", entry[0]);
        ret = av_dict_set(&frame->metadata, key, entry[1], 0);
    }
    return ret;
}

/** Closes the first editor. */
static void close_editor(FatezeroContext *s)
{
    Editor *next = s->editor->next;

    fatezero_close(&s->editor->fz);
    av_free(s->editor);
    s->editor = next;
}

static void edit(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    const AVFrame *first = s->edited[0];
    int depth = s->targets[0]->format == AV_PIX_FMT_RGB24 ? 8 : 16;
    int64_t start = av_gettime_relative();

    while (s->editor != s->edited_editor)
        close_editor(s);
    s->phase[0] = '\0';
    s->code = FATEZERO_CANCELLED;
    if (!interrupted(s))
        s->code = s->edited_begins ? fatezero_begin_shot(s->editor->fz, NULL, 0, 0, 0, &s->error) : FATEZERO_OK;
    if (!s->code)
        s->code = fatezero_edit(s->editor->fz, s->source_images, s->target_images, s->nb_edited, first->width,
                                first->height, depth, &s->error);
    s->duration = av_gettime_relative() - start;
}

/** Opens an editor with the settings, after those that there are. */
static void open_editor(AVFilterContext *ctx)
{
    const fatezero_host host = { .opaque = ctx, .log = on_log, .step = on_step };
    FatezeroContext *s = ctx->priv;
    Editor **last = &s->editor, *editor = av_mallocz(sizeof(*editor)), *before = NULL;

    if (!editor) {
        s->open_error = (fatezero_error) { FATEZERO_NO_MEMORY, "no memory for an editor" };
        return;
    }
    for (; *last; last = &before->next)
        before = *last;
    s->report_time = av_gettime_relative();
    hold_signals(s);
    editor->fz = before ? fatezero_change(before->fz, (const char *const *)s->settings, &s->open_error)
                        : fatezero_open((const char *const *)s->settings, &host, &s->open_error);
    deliver_signals(s);
    if (editor->fz && interrupted(s)) {
        fatezero_close(&editor->fz);
        s->open_error.code = FATEZERO_CANCELLED;
    }
    if (editor->fz) {
        s->open_error.code = FATEZERO_OK;
        *last = editor;
    } else {
        av_free(editor);
    }
}

/**
 * The worker: opens editors, and edits each window that it is given. Everything of libtorch happens in
 * threads where no handler of the host's can interrupt it.
 */
static void *work(void *opaque)
{
    AVFilterContext *ctx = opaque;
    FatezeroContext *s = ctx->priv;

    pthread_mutex_lock(&s->lock);
    while (s->state != LEAVING) {
        if (s->state == BUSY) {
            pthread_mutex_unlock(&s->lock);
            s->task(ctx);
            pthread_mutex_lock(&s->lock);
            s->state = FINISHED;
            pthread_cond_signal(&s->changed);
        } else {
            pthread_cond_wait(&s->changed, &s->lock);
        }
    }
    pthread_mutex_unlock(&s->lock);
    while (s->editor)
        close_editor(s);
    return NULL;
}

/** Starts the worker with the opening of an editor. It takes no signal but those of its own faults. */
static int start_worker(AVFilterContext *ctx)
{
    static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT };
    FatezeroContext *s = ctx->priv;
    sigset_t set, old;
    int ret;

    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    sigfillset(&set);
    for (int i = 0; i < FF_ARRAY_ELEMS(own); i++)
        sigdelset(&set, own[i]);
    s->state = BUSY;
    s->task  = open_editor;
    pthread_sigmask(SIG_BLOCK, &set, &old);
    ret = pthread_create(&s->worker, NULL, work, ctx);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (ret) {
        av_log(ctx, AV_LOG_ERROR, "no thread can be started to edit in (%s); raise the limit of processes (ulimit -u)\n", av_err2str(AVERROR(ret)));
        pthread_cond_destroy(&s->changed);
        pthread_mutex_destroy(&s->lock);
        s->state = ABSENT;
    }
    return AVERROR(ret);
}

/** Waits until the worker is not busy. */
static void set_state(FatezeroContext *s, enum State state)
{
    pthread_mutex_lock(&s->lock);
    while (s->state == BUSY)
        pthread_cond_wait(&s->changed, &s->lock);
    s->state = state;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/** Gives the worker something to do, once it has done what it is busy with. */
static void give(FatezeroContext *s, void (*task)(AVFilterContext *ctx))
{
    set_state(s, IDLE);
    s->task = task;
    set_state(s, BUSY);
}

static int is_finished(FatezeroContext *s)
{
    int finished;

    pthread_mutex_lock(&s->lock);
    finished = s->state == FINISHED;
    pthread_mutex_unlock(&s->lock);
    return finished;
}

/** Forgets the frames that are not done. @return how many */
static int drop_waiting(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    int n = s->nb_window + s->nb_edited;

    free_frames(s->window, 0, s->nb_window);
    free_frames(s->edited, 0, s->nb_edited);
    free_frames(s->targets, 0, s->nb_edited * ctx->nb_outputs);
    s->nb_window = s->nb_edited = 0;
    return n;
}

/** Stops the worker for good and forgets all frames. @return how many */
static int drop(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    int n = s->nb_done - s->next_done;

    if (s->state == ABSENT)
        return 0;
    atomic_store(&s->stop, 1);
    set_state(s, IDLE);
    free_frames(s->done, s->next_done * ctx->nb_outputs, s->nb_done * ctx->nb_outputs);
    s->nb_done = s->next_done = 0;
    return n + drop_waiting(ctx);
}

/** What the engine takes for a format: packed RGB, of 16 bits if 8 do not hold it. */
static enum AVPixelFormat rgb_format(enum AVPixelFormat format)
{
    return av_pix_fmt_desc_get(format)->comp[0].depth > 8 ? AV_PIX_FMT_RGB48 : AV_PIX_FMT_RGB24;
}

static int is_rgb(const AVFrame *frame)
{
    return av_pix_fmt_desc_get(frame->format)->flags & AV_PIX_FMT_FLAG_RGB;
}

static int is_full_range(const AVFrame *frame)
{
    return frame->color_range == AVCOL_RANGE_JPEG ||
           av_strstart(av_pix_fmt_desc_get(frame->format)->name, "yuvj", NULL);
}

/** Tells swscale where a frame's chroma lies; where that is not tagged it takes it to lie in the middle, here too. */
static void set_chroma_position(struct SwsContext *sws, const char *h_option, const char *v_option,
                                const AVFrame *frame, enum AVChromaLocation location)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(frame->format);
    int h = location & 1 ? 0 : 128;
    int v = location < AVCHROMA_LOC_TOPLEFT ? 128 : location < AVCHROMA_LOC_BOTTOMLEFT ? 0 : 256;

    if (desc->log2_chroma_w)
        av_opt_set_int(sws, h_option, h * ((1 << desc->log2_chroma_w) - 1), 0);
    if (desc->log2_chroma_h)
        av_opt_set_int(sws, v_option, v * ((1 << desc->log2_chroma_h) - 1), 0);
}

/**
 * Converts a frame's format alone: where that is from or to RGB, by the tags of the frame that is not RGB.
 *
 * @param sws kept for frames of the same format, size and tags; NULL for the first
 */
static int convert(struct SwsContext **sws, AVFrame *to, const AVFrame *from)
{
    const AVFrame *tags = is_rgb(to) ? from : to;

    if (!*sws) {
        const int *matrix = sws_getCoefficients(tags->colorspace);
        int full = is_full_range(from) || is_full_range(to), ret;

        if (!(*sws = sws_alloc_context()))
            return AVERROR(ENOMEM);
        av_opt_set_int(*sws, "srcw", from->width, 0);
        av_opt_set_int(*sws, "srch", from->height, 0);
        av_opt_set_int(*sws, "src_format", from->format, 0);
        av_opt_set_int(*sws, "dstw", from->width, 0);
        av_opt_set_int(*sws, "dsth", from->height, 0);
        av_opt_set_int(*sws, "dst_format", to->format, 0);
        av_opt_set_int(*sws, "sws_flags", SWS_BICUBIC | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP |
                                          SWS_ACCURATE_RND | SWS_BITEXACT, 0);  // the same on every processor
        set_chroma_position(*sws, "src_h_chr_pos", "src_v_chr_pos", from, tags->chroma_location);
        set_chroma_position(*sws, "dst_h_chr_pos", "dst_v_chr_pos", to, tags->chroma_location);
        if ((ret = sws_init_context(*sws, NULL, NULL)) < 0)
            return ret;
        if (sws_setColorspaceDetails(*sws, matrix, full, matrix, full, 0, 1 << 16, 1 << 16) < 0)
            return AVERROR(ENOSYS);
    }
    return sws_scale(*sws, (const uint8_t *const *)from->data, from->linesize, 0, from->height, to->data, to->linesize);
}

/** Warns once of what the engine does not keep of the video's colours. */
static void warn_of_colours(AVFilterContext *ctx, const AVFrame *frame)
{
    FatezeroContext *s = ctx->priv;
    int hdr = frame->color_trc == AVCOL_TRC_SMPTE2084 || frame->color_trc == AVCOL_TRC_ARIB_STD_B67;

    if (hdr && !s->warned_hdr++)
        av_log(ctx, AV_LOG_WARNING, "HDR video (%s) is edited as if it were SDR, for models know nothing else, and keeps its tags; "
               "for truer colours turn it into SDR first: zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable,"
               "zscale=t=bt709:m=bt709:r=tv,format=yuv420p,fatezero=...\n",
               frame->color_trc == AVCOL_TRC_SMPTE2084 ? "PQ" : "HLG");
    switch (frame->colorspace) {
    case AVCOL_SPC_RGB:
    case AVCOL_SPC_BT709:
    case AVCOL_SPC_UNSPECIFIED:
    case AVCOL_SPC_FCC:
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
    case AVCOL_SPC_SMPTE240M:
    case AVCOL_SPC_BT2020_NCL:
        break;
    default:
        if (!is_rgb(frame) && !s->warned_matrix++)
            av_log(ctx, AV_LOG_WARNING, "swscale does not know the matrix %s, so the engine sees false colours, and the edit has them; "
                   "convert the video first: zscale=m=bt709,fatezero=...\n", av_color_space_name(frame->colorspace));
    }
}

/** Allocates the frames that the window is edited into; not from the next filter, whose linesize may be negative, as vflip's is. */
static int prepare(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    struct SwsContext *to_rgb = NULL;
    enum AVPixelFormat rgb = rgb_format(s->edited[0]->format);
    int n = s->nb_edited, ret = 0;

    warn_of_colours(ctx, s->edited[0]);
    for (int i = 0; i < n * ctx->nb_outputs; i++) {
        const AVFrame *in = s->edited[i / ctx->nb_outputs];
        int edit = i % ctx->nb_outputs;
        AVFrame *out = s->targets[i] = av_frame_alloc();

        if (!out)
            return AVERROR(ENOMEM);
        out->format = rgb;
        out->width  = in->width * panels(s, edit);
        out->height = in->height;
        if ((ret = av_frame_get_buffer(out, 0)) < 0 || (ret = av_frame_copy_props(out, in)) < 0)
            return ret;
        s->target_images[edit * n + i / ctx->nb_outputs] = (fatezero_image) { out->data[0], out->linesize[0] };
    }
    for (int i = 0; i < n && ret >= 0; i++) {
        const AVFrame *in = s->edited[i];

        s->source_images[i] = (fatezero_image) { in->data[0], in->linesize[0] };
        /* of another format or a negative linesize, as vflip makes it: edited in a copy, in the memory of its first edit */
        if (in->format != rgb || in->linesize[0] < 0) {
            ret = convert(&to_rgb, s->targets[i * ctx->nb_outputs], in);
            s->source_images[i] = s->target_images[i];
        }
    }
    sws_freeContext(to_rgb);
    return ret;
}

/** Copies a frame into one in which panels of its size lie side by side, into each of them. */
static void fill_panels(AVFrame *out, const AVFrame *in)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(in->format);
    int step[4];

    av_image_fill_max_pixsteps(step, NULL, desc);
    for (int plane = 0; plane < 4 && in->data[plane]; plane++) {
        int chroma = plane == 1 || plane == 2;
        int w_shift = chroma ? desc->log2_chroma_w : 0, h_shift = chroma ? desc->log2_chroma_h : 0;

        for (int x = 0; x < out->width; x += in->width)
            av_image_copy_plane(out->data[plane] + (x >> w_shift) * step[plane], out->linesize[plane],
                                in->data[plane], in->linesize[plane],
                                AV_CEIL_RSHIFT(in->width, w_shift) * step[plane], AV_CEIL_RSHIFT(in->height, h_shift));
    }
}

/** The same for alpha alone, if there is any. */
static void copy_alpha(AVFrame *out, const AVFrame *in)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(in->format);
    const AVComponentDescriptor *alpha = &desc->comp[3];
    int size = (alpha->depth + 7) / 8;

    for (int y = 0; y < in->height && desc->flags & AV_PIX_FMT_FLAG_ALPHA; y++) {
        const uint8_t *source = in->data[alpha->plane] + y * (ptrdiff_t)in->linesize[alpha->plane] + alpha->offset;
        uint8_t *target = out->data[alpha->plane] + y * (ptrdiff_t)out->linesize[alpha->plane] + alpha->offset;

        for (int x = 0; x < out->width; x++)
            memcpy(target + x * alpha->step, source + x % in->width * alpha->step, size);
    }
}

/** Brings what the window was edited into back into the video's own format. Alpha is the source's. */
static int restore(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    int ret = 0;

    for (int edit = 0; edit < ctx->nb_outputs; edit++) {
        struct SwsContext *from_rgb = NULL;

        for (int i = 0; i < s->nb_edited && ret >= 0; i++) {
            AVFrame **target = &s->targets[i * ctx->nb_outputs + edit], *in = s->edited[i], *out;

            if (in->format == (*target)->format)
                continue;
            out = ff_get_video_buffer(ctx->outputs[edit], (*target)->width, (*target)->height);
            if (!out)
                ret = AVERROR(ENOMEM);
            else if ((ret = av_frame_copy_props(out, in)) >= 0 && (ret = convert(&from_rgb, out, *target)) >= 0)
                copy_alpha(out, in);
            av_frame_free(target);
            *target = out;
        }
        sws_freeContext(from_rgb);
    }
    return ret;
}

/** @return the frame, as often as panels of it lie side by side */
static AVFrame *repeat(AVFilterLink *outlink, const AVFrame *frame, int panels)
{
    AVFrame *out;

    if (panels == 1)
        return av_frame_clone(frame);
    out = ff_get_video_buffer(outlink, frame->width * panels, frame->height);
    if (!out || av_frame_copy_props(out, frame) < 0) {
        av_frame_free(&out);
        return NULL;
    }
    fill_panels(out, frame);
    return out;
}

/** Sends a frame unedited to every output. */
static int pass_frame(AVFilterContext *ctx, AVFrame *frame)
{
    FatezeroContext *s = ctx->priv;
    AVFrame **done = s->done + s->nb_done++ * ctx->nb_outputs;
    int ret = 0;

    for (int i = 0; i < ctx->nb_outputs && ret >= 0; i++)
        if (!(done[i] = repeat(ctx->outputs[i], frame, panels(s, i))))
            ret = AVERROR(ENOMEM);
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

/** Gives the window to the worker, which must be idle. */
static int start(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    int ret;

    FFSWAP(AVFrame **, s->window, s->edited);
    s->nb_edited     = s->nb_window;
    s->edited_begins = s->window_begins;
    s->edited_shot   = s->window_shot;
    s->edited_editor = s->window_editor;
    s->nb_window = s->window_begins = 0;
    if ((ret = prepare(ctx)) >= 0)
        give(s, edit);
    return ret;
}

/** Waits until the worker has edited the window that it has, if any; its frames are done then. */
static int finish(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    int n = s->nb_edited, ret;

    if (!n)
        return 0;
    set_state(s, IDLE);
    if (!s->code) {
        if ((ret = restore(ctx)) < 0)
            return ret;
        s->windows++;
        av_log(ctx, AV_LOG_VERBOSE, "window %d: %d frames in %.1f s\n", s->windows, n, 1e-6 * s->duration);
        for (int i = 0; i < n * ctx->nb_outputs; i++)
            if ((ret = describe(s, s->targets[i], i % ctx->nb_outputs, i / ctx->nb_outputs + 1)) < 0)
                return ret;
        for (int i = 0; i < n * ctx->nb_outputs; i++) {
            s->done[s->nb_done * ctx->nb_outputs + i] = s->targets[i];
            s->targets[i] = NULL;
        }
        s->nb_done += n;
        free_frames(s->edited, 0, n);
        s->nb_edited = 0;
        return 0;
    }
    free_frames(s->targets, 0, n * ctx->nb_outputs);
    if (s->code != FATEZERO_CANCELLED && s->on_error == ON_ERROR_PASS) {
        av_log(ctx, AV_LOG_WARNING, "%s; %d frames pass unedited\n", s->error.message, n);
        return pass_frames(ctx, s->edited, &s->nb_edited);
    }
    if (s->code != FATEZERO_CANCELLED)
        av_log(ctx, AV_LOG_ERROR, "%s\n", s->error.message);
    return to_averror(s->code);
}

/** Edits all frames that were taken. */
static int flush(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    int ret = finish(ctx);

    if (ret >= 0 && s->nb_window && (ret = start(ctx)) >= 0)
        ret = finish(ctx);
    return ret;
}

/** Brings a frame into the format that was agreed on; a host that is told not to build its graph anew may change it midway. */
static int adopt(AVFilterContext *ctx, AVFrame **frame)
{
    AVFilterLink *inlink = ctx->inputs[0];
    struct SwsContext *sws = NULL;
    AVFrame *in = *frame, *out;
    int ret;

    if (in->format == inlink->format)
        return 0;
    out = ff_default_get_video_buffer(inlink, in->width, in->height);
    if (!out)
        return AVERROR(ENOMEM);
    if ((ret = av_frame_copy_props(out, in)) >= 0) {
        if (is_rgb(out)) {
            out->colorspace  = AVCOL_SPC_RGB;
            out->color_range = AVCOL_RANGE_JPEG;
        } else if (is_rgb(in)) {
            out->colorspace = AVCOL_SPC_UNSPECIFIED;
        }
        ret = convert(&sws, out, in);
        sws_freeContext(sws);
    }
    av_frame_free(frame);
    *frame = out;
    return ret;
}

/** Whether two frames can be in one window. */
static int are_alike(const AVFrame *a, const AVFrame *b)
{
    return a->width == b->width && a->height == b->height && a->colorspace == b->colorspace &&
           a->color_range == b->color_range && a->chroma_location == b->chroma_location;
}

/**
 * The score of the filter scdet, 0 to 100: how much a frame differs from the one before, or by how much that has changed since
 * the last frame, if that is less.
 * Of YUV it is the luma's, of RGB that of all planes.
 */
static double scene_score(FatezeroContext *s, const AVFrame *frame)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(frame->format);
    const int depth  = desc->comp[0].depth;
    const int planes = desc->flags & AV_PIX_FMT_FLAG_RGB ? av_pix_fmt_count_planes(frame->format) : 1;
    const ff_scene_sad_fn sad = ff_scene_sad_get_fn(depth > 8 ? 16 : 8);
    const double before = s->change;
    uint64_t sum = 0, count = 0;

    for (int i = 0; i < planes; i++) {
        ptrdiff_t width = av_image_get_linesize(frame->format, frame->width, i) >> (depth > 8);
        uint64_t of_plane;

        sad(s->previous->data[i], s->previous->linesize[i], frame->data[i], frame->linesize[i], width, frame->height, &of_plane);
        sum   += of_plane;
        count += width * frame->height;
    }
    s->change = 100. * sum / count / (1 << (depth + desc->comp[0].shift));  // P010 has its bits on top
    return FFMIN(s->change, fabs(s->change - before));
}

/** Whether a frame that has arrived begins a shot: by its difference to the last one, or since a filter before this one says so. */
static int begins_shot(FatezeroContext *s, const AVFrame *frame)
{
    const int other_size = s->previous && (frame->width != s->previous->width || frame->height != s->previous->height);
    int begins = other_size;

    if (!s->previous || other_size)
        s->change = 0;
    else if (s->cut > 0)
        begins = scene_score(s, frame) >= s->cut;
    begins |= !!av_dict_get(frame->metadata, "lavfi.scd.time", NULL, 0);
    begins &= s->previous && (other_size || s->shot_length >= SHORTEST_SHOT);
    s->shot_length = begins ? 1 : s->shot_length + 1;
    return begins;
}

/** The editor of a frame, by its number. */
static Editor *editor_of(const FatezeroContext *s, int64_t number)
{
    Editor *editor = s->window_editor;

    while (editor->next && editor->next->first <= number)
        editor = editor->next;
    return editor;
}

/** Adds a frame to the window, or to a new one if it begins a shot or a command has changed what is made of it. */
static int gather(AVFilterContext *ctx, AVFrame *frame, int64_t number)
{
    FatezeroContext *s = ctx->priv;
    Editor *editor = editor_of(s, number);
    int ret = 0;

    if ((s->shot_ends || editor != s->window_editor) && s->nb_window && (ret = finish(ctx)) >= 0)
        ret = start(ctx);
    if (ret < 0) {
        av_frame_free(&frame);
        return ret;
    }
    if (s->shot_ends || !s->window_shot)
        s->window_shot++;
    if (!s->nb_window)
        s->window_begins = s->shot_ends;
    s->shot_ends = 0;
    s->window_editor = editor;
    s->window[s->nb_window++] = frame;
    return 0;
}

static int64_t end_of(const AVFrame *frame)
{
    return frame->pts + FFMAX(DURATION(frame), 1);
}

/** No more frames are taken: the stream ends there. */
static void end_stream(AVFilterContext *ctx, int64_t pts)
{
    FatezeroContext *s = ctx->priv;

    s->status     = AVERROR_EOF;
    s->status_pts = pts;
    ff_inlink_set_status(ctx->inputs[0], AVERROR_EOF);
}

/** The host was asked to stop before anything was edited: the frames that are there pass as they are, and the stream ends. */
static int pass_last(AVFilterContext *ctx, AVFrame *frame)
{
    FatezeroContext *s = ctx->priv;
    int64_t pts = end_of(frame);
    int ret = pass_frames(ctx, s->window, &s->nb_window);

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
    int ret = adopt(ctx, &frame);

    if (ret >= 0 && (!s->window_editor || interrupted(s) && !s->windows && !s->nb_edited))
        return pass_last(ctx, frame);
    if (ret >= 0) {
        s->shot_ends |= begins_shot(s, frame);
        av_frame_free(&s->previous);
        if (!(s->previous = av_frame_clone(frame)))
            ret = AVERROR(ENOMEM);
    }
    if (ret >= 0 && (disabled || s->nb_window && !are_alike(frame, s->window[0])))
        ret = flush(ctx);
    if (ret < 0)
        av_frame_free(&frame);
    else if (disabled)
        ret = pass_frame(ctx, frame);
    else
        ret = gather(ctx, frame, number);
    if (ret >= 0 && s->nb_window == s->capacity && (ret = finish(ctx)) >= 0)
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
    int ret;

    end_stream(ctx, s->windows ? s->edited[0]->pts : end_of(s->nb_window ? s->window[s->nb_window - 1] : s->edited[s->nb_edited - 1]));
    if (s->windows) {
        av_log(ctx, AV_LOG_WARNING, "interrupted: %d frames dropped\n", drop_waiting(ctx));
        return 0;
    }
    av_log(ctx, AV_LOG_WARNING, "interrupted: %d frames pass unedited\n", s->nb_edited + s->nb_window);
    ret = pass_frames(ctx, s->edited, &s->nb_edited);
    return ret < 0 ? ret : pass_frames(ctx, s->window, &s->nb_window);
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

    s->wanted = is_wanted(ctx);
    for (int i = 0; i < ctx->nb_outputs; i++) {
        int ended = ff_outlink_get_status(ctx->outputs[i]);

        open += !ended;
        status = ended ? ended : status;
    }
    if (!open) {
        drop(ctx);
        ff_inlink_set_status(inlink, status);
        return 0;
    }

    /* taken at once: the link's queue is not meant to hold a whole window */
    while (!s->nb_done && !s->status) {
        s->taking = 1;
        ret = ff_inlink_consume_frame(inlink, &frame);
        s->taking = 0;
        if (ret > 0)
            ret = take(ctx, frame);
        else if (!ret && is_wanted(ctx) && ff_inlink_acknowledge_status(inlink, &s->status, &s->status_pts))
            ret = flush(ctx);
        else if (!ret && is_finished(s))
            ret = finish(ctx);
        else if (!ret)
            break;
        if (ret == AVERROR_EXIT)
            ret = cancel(ctx);
        if (ret < 0) {
            drop(ctx);
            return ret;
        }
    }

    if (s->next_done < s->nb_done)
        return emit(ctx);
    for (int i = 0; i < ctx->nb_outputs; i++) {
        AVFilterLink *outlink = ctx->outputs[i];

        if (s->status && !ff_outlink_get_status(outlink))
            ff_outlink_set_status(outlink, s->status, s->status_pts);
    }
    if (s->status)
        return 0;
    for (int i = 0; i < ctx->nb_outputs; i++)
        FF_FILTER_FORWARD_WANTED(ctx->outputs[i], inlink);
    return FFERROR_NOT_READY;
}

/** @return an option's value as the engine reads it, whatever the host's locale, to be freed; NULL for lack of memory */
static char *value_text(const FatezeroContext *s, const AVOption *option)
{
    const void *field = (const uint8_t *)s + option->offset;
    const AVOption *constant = NULL;

    if (option->type == AV_OPT_TYPE_STRING)
        return av_strdup(*(char *const *)field);
    if (option->type == AV_OPT_TYPE_DOUBLE)
        return av_asprintf("%"PRId64"E-9", (int64_t)llrint(*(const double *)field * 1e9));
    while (option->unit && (constant = av_opt_next(s, constant)))
        if (constant->type == AV_OPT_TYPE_CONST && !strcmp(constant->unit, option->unit) &&
            constant->default_val.i64 == *(const int *)field)
            return av_strdup(constant->name);
    return av_asprintf("%d", *(const int *)field);
}

static void free_settings(FatezeroContext *s)
{
    for (char **next = s->settings; next && *next; next++)
        av_free(*next);
    av_freep(&s->settings);
}

/** Notes those of the engine's options that are not left to the preset. */
static int collect_settings(FatezeroContext *s)
{
    const AVOption *option = NULL;
    char **next;
    int nb_options = 0;

    while ((option = av_opt_next(s, option)))
        nb_options++;
    free_settings(s);
    next = s->settings = av_calloc(2 * nb_options + 1, sizeof(*s->settings));
    if (!s->settings)
        return AVERROR(ENOMEM);
    while ((option = av_opt_next(s, option)) && option->offset != OFFSET(cut)) {
        if (option->type == AV_OPT_TYPE_CONST || av_opt_is_set_to_default(s, option) > 0)
            continue;
        if (!(*next++ = av_strdup(option->name)) || !(*next++ = value_text(s, option)))
            return AVERROR(ENOMEM);
    }
    return 0;
}

/** Not in init(), which ffmpeg also calls for graphs that it never runs. */
static int setup(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    int ret;

    if (s->state != ABSENT)
        return 0;
    if ((ret = collect_settings(s)) < 0)
        return ret;
    listen_to_signals(s);
    if ((ret = start_worker(ctx)) < 0)
        return ret;
    set_state(s, IDLE);
    free_settings(s);
    if (!s->editor && !(s->open_error.code == FATEZERO_CANCELLED && interrupted(s))) {
        av_log(ctx, AV_LOG_ERROR, "%s\n", s->open_error.message);
        return to_averror(s->open_error.code);
    }

    if (s->editor && fatezero_edits(s->editor->fz) != ctx->nb_outputs)
        return AVERROR_BUG;

    s->window_editor = s->editor;
    s->capacity      = s->editor ? fatezero_window(s->editor->fz) : 1;
    s->window        = av_calloc(s->capacity, sizeof(*s->window));
    s->edited        = av_calloc(s->capacity, sizeof(*s->edited));
    s->targets       = av_calloc(s->capacity * ctx->nb_outputs, sizeof(*s->targets));
    s->done          = av_calloc((2 * s->capacity + 1) * ctx->nb_outputs, sizeof(*s->done));
    s->source_images = av_calloc(s->capacity, sizeof(*s->source_images));
    s->target_images = av_calloc(s->capacity * ctx->nb_outputs, sizeof(*s->target_images));
    if (!s->window || !s->edited || !s->targets || !s->done || !s->source_images || !s->target_images)
        return AVERROR(ENOMEM);
    return 0;
}

/**
 * Sets an option by a command.
 *
 * @param value empty as if it had not been set
 * @return positive if it is the engine's
 */
static int set_option(AVFilterContext *ctx, const char *name, const char *value)
{
    FatezeroContext *s = ctx->priv;
    const AVOption *option = av_opt_find(s, name, NULL, 0, 0);
    int ret;

    if (!option)
        return AVERROR(ENOSYS);
    if (!(option->flags & AV_OPT_FLAG_RUNTIME_PARAM)) {
        av_log(ctx, AV_LOG_ERROR, "%s cannot change as the filter runs; ffmpeg -h filter=fatezero marks what can with a T\n", name);
        return AVERROR(EINVAL);
    }
    if (*value || option->type != AV_OPT_TYPE_STRING) {
        ret = av_opt_set(s, name, value, 0);
    } else {
        char **field = (char **)((uint8_t *)s + option->offset);

        av_freep(field);
        ret = option->default_val.str && !(*field = av_strdup(option->default_val.str)) ? AVERROR(ENOMEM) : 0;
    }
    return ret < 0 ? ret : option->offset < OFFSET(cut);
}

/** The same for several, as option=value:option=value. */
static int set_options(AVFilterContext *ctx, const char *values)
{
    int engines = 0, ret = 0;

    while (*values && ret >= 0) {
        char *name, *value;

        if ((ret = av_opt_get_key_value(&values, "=", ":", 0, &name, &value)) < 0)
            break;
        values += !!*values;
        ret = set_option(ctx, name, value);
        engines |= ret;
        av_free(name);
        av_free(value);
    }
    return ret < 0 ? ret : engines;
}

/** Has the worker open an editor for the frames that come next. Those that wait in the link are edited as they would have been. */
static int change_editor(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    Editor *last;
    int ret = collect_settings(s);

    if (ret < 0)
        return ret;
    give(s, open_editor);
    set_state(s, s->nb_edited ? FINISHED : IDLE);
    free_settings(s);
    if (s->open_error.code)
        return to_averror(s->open_error.code);
    for (last = s->window_editor; last->next; last = last->next)
        ;
    last->first = s->taken + (s->taking ? 0 : ff_inlink_queued_frames(ctx->inputs[0]));
    return 0;
}

/** Changes options from the next frame on, once the window that is being edited is done. */
static int process_command(AVFilterContext *ctx, const char *command, const char *value, char *answer, int length, int flags)
{
    FatezeroContext *s = ctx->priv, before = { .class = s->class };
    int ret;

    if (flags & AVFILTER_CMD_FLAG_FAST)
        return AVERROR(ENOSYS);
    if (answer && length > 0)
        *answer = '\0';
    if (!value)
        value = "";
    s->open_error.code = FATEZERO_OK;   // of what an earlier command opened
    if ((ret = av_opt_copy(&before, s)) < 0) {
        av_opt_free(&before);
        return ret;
    }
    ret = strcmp(command, "reinit") ? set_option(ctx, command, value) : set_options(ctx, value);
    if (ret > 0 && s->window_editor && (ret = change_editor(ctx)) < 0 && s->open_error.code) {
        av_log(ctx, AV_LOG_ERROR, "%s %s: %s\n", command, value, s->open_error.message);
        if (answer)
            av_strlcpy(answer, s->open_error.message, length);
    }
    if (ret < 0)
        av_opt_copy(s, &before);
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

/** An output for each edit after the first. */
static av_cold int init(AVFilterContext *ctx)
{
    FatezeroContext *s = ctx->priv;
    int ret;

    for (int i = FFMAX(parts(s->presets), parts(s->edit)); i > 1; i--) {
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

    if (lost && s->wanted)
        av_log(ctx, AV_LOG_WARNING, "%d frames lost that waited when the graph was freed "
               "(a change of the video's size or format does that; -reinit_filter 0 keeps them)\n", lost);
    if (s->state != ABSENT) {
        set_state(s, LEAVING);
        pthread_join(s->worker, NULL);
        pthread_cond_destroy(&s->changed);
        pthread_mutex_destroy(&s->lock);
    }
    ignore_signals(s);
    av_frame_free(&s->previous);
    free_settings(s);
    av_freep(&s->window);
    av_freep(&s->edited);
    av_freep(&s->targets);
    av_freep(&s->done);
    av_freep(&s->source_images);
    av_freep(&s->target_images);
}

#define FLAGS AV_OPT_FLAG_FILTERING_PARAM|AV_OPT_FLAG_VIDEO_PARAM
#define RUNTIME FLAGS|AV_OPT_FLAG_RUNTIME_PARAM
/*
 * The options before cut are the engine's. One that is at its default here is not handed to it: then the preset decides, or else the
 * engine's own default, which the texts name. Those that are FIXED no command changes.
 */
#define CONSTANT(option, name, value, help) { name, help, 0, AV_OPT_TYPE_CONST, { .i64 = value }, 0, 0, FLAGS, option }
#define AUTO(option, help)                  CONSTANT(option, "auto", -1, help)
#define STRING_OPTION(name, field, value, help, flags) { name, help, OFFSET(field), AV_OPT_TYPE_STRING, { .str = value }, 0, 0, flags }
#define STRING(name, field, value, help)       STRING_OPTION(name, field, value, help, RUNTIME)
#define FIXED_STRING(name, field, value, help) STRING_OPTION(name, field, value, help, FLAGS)
#define NUMBER(name, field, most, help)     { name, help, OFFSET(field), AV_OPT_TYPE_DOUBLE, { .dbl = -1 }, -1, most, RUNTIME, name }
#define INTEGER_OPTION(name, field, most, help, flags) { name, help, OFFSET(field), AV_OPT_TYPE_INT, { .i64 = -1 }, -1, most, flags, name }
#define INTEGER(name, field, most, help)       INTEGER_OPTION(name, field, most, help, RUNTIME)
#define FIXED_INTEGER(name, field, most, help) INTEGER_OPTION(name, field, most, help, FLAGS)
#define FLAG(name, field, help)             { name, help, OFFSET(field), AV_OPT_TYPE_BOOL, { .i64 = -1 }, -1, 1, RUNTIME }

static const AVOption fatezero_options[] = {
    STRING("preset",        preset, NULL,  "preset's name, or a file (default watercolor, without a prompt)"),
    FIXED_STRING("presets",       presets, NULL, "preset|preset, several edits with an output each (default none)"),
    FIXED_STRING("edit",          edit, "auto",  "of a configuration file, number of the prompt, or several as 1|2; auto is the first edit"),
    STRING("prompt",        prompt, NULL,  "what the edited video shows (default from the preset)"),
    STRING("source",        source, NULL,  "what the video shows (default auto, described by its frames)"),
    FIXED_STRING("captioner",     captioner, "auto", "BLIP model that describes it, a folder or hub name; auto is the model's own"),
    STRING("from",          from, NULL,    "words of the source that the preset changes (default none)"),
    STRING("to",            to, NULL,      "what it changes them to (default nothing)"),
    FIXED_STRING("promptfile",    promptfile, NULL, "text file, its first line the prompt, its second the source (default none)"),
    STRING("negative",      negative, NULL, "what the edited video should not show (default nothing)"),
    FIXED_STRING("model",         model, "pocket", "folder, .safetensors file or hub name of a Stable Diffusion 1.x model; pocket is built in"),
    FIXED_STRING("lora",          lora, NULL,    "file+file, LoRAs merged into the model, each with :scale if not 1 (default none)"),
    FIXED_STRING("device",        device, "auto", "auto, cpu, cuda or cuda:N, a card once make gpu was run"),
    FIXED_INTEGER("precision",    precision, 2,  "of the model's numbers"),
        AUTO("precision", "half where the device computes in it"),
        CONSTANT("precision", "fp32", 0, "single"),
        CONSTANT("precision", "fp16", 1, "half, on a card"),
        CONSTANT("precision", "bf16", 2, "half, of single's range"),
    FIXED_INTEGER("window",       window_size, 128, "frames edited together, 1 to 128"),
        AUTO("window", "the preset's, or 8"),
    INTEGER("steps",        steps, 1000,   "steps of inversion, and of editing, 1 to 1000"),
        AUTO("steps", "the preset's, or 50"),
    INTEGER("solver",       solver, 1,     "how the source is inverted"),
        AUTO("solver", "the preset's, or ddim"),
        CONSTANT("solver", "ddim", 0, "as in the paper"),
        CONSTANT("solver", "implicit", 1, "to what fewer steps undo"),
    NUMBER("guidance",      guidance, 50,  "how strongly the prompt pulls, 1 to 50; 0 as the model says, usually 7.5"),
        AUTO("guidance", "the preset's, or 0"),
    NUMBER("strength",      strength, 1,   "0 the source as it is, 0.5 what the preset says, 1 the prompt alone"),
        AUTO("strength", "the preset's, or 0.5"),
    NUMBER("start",         start, 1,      "noise that the edit starts from, 0 none to 1 all"),
        AUTO("start", "the preset's, or 1"),
    NUMBER("forget",        forget, 1,     "share of the source's broad colours that this noise loses where the edit is free, 0 to 1"),
        AUTO("forget", "the preset's, or 0"),
    STRING("self_replace",  self_replace, "auto", "share of the steps that keep the source's self-attention; auto is the preset's, or 0.8"),
    STRING("cross_replace", cross_replace, "auto", "share of the steps that keep the source's cross-attention; auto is the preset's, or 0.8"),
    INTEGER("control",      control, 1,    "how the words of both prompts are matched"),
        AUTO("control", "the preset's, or refine"),
        CONSTANT("control", "refine", 0, "words that both have are aligned"),
        CONSTANT("control", "replace", 1, "word by word, of as many"),
    STRING("emphasize",     emphasize, NULL, "word=factor+word=factor, words made stronger or weaker (default none)"),
    STRING("blend",         blend, NULL,   "word+word, the edit is confined to where they look (default everywhere)"),
    STRING("threshold",     threshold, "auto", "how surely they must look there, 0 to 2, or one for each region as 0.3|0.4; auto is the preset's, or 0.3"),
    FLAG("blend_pool",      blend_pool,    "blend takes in the cells around, too; auto is the preset's, or 1"),
    FLAG("blend_attention", blend_attention, "blend confines self-attention, too; auto is the preset's, or 1"),
    STRING("blend_latents", blend_latents, "auto", "share of the steps that put the source back outside of blend, 0.2-1; 1 is 0.2-0.8; auto is the "
                                                   "preset's, or 0"),
    NUMBER("confine",       confine, 1,    "0 the prompt's words look anywhere to 1 in their region of blend alone"),
        AUTO("confine", "the preset's, or 0"),
    STRING("keys",          keys, "auto",  "frames that every frame attends to; auto is the preset's, or anchor"),
    FIXED_INTEGER("anchor",       anchor, 127,   "frame of each shot, from 0, that all others may attend to"),
        AUTO("anchor", "the preset's, or 3"),
    STRING("keys_at",       keys_at, "auto", "widest attention, in cells at the model's own size, or 640ch and deeper, that sees other frames; auto is the "
                                             "preset's, or 32"),
    INTEGER("fuse_at",      fuse_at, 4096, "widest attention, in cells at the model's own size, that is kept from the source"),
        AUTO("fuse_at", "the preset's, or 32"),
    INTEGER("method",       method, 1,     "how the edit takes after the source"),
        AUTO("method", "the preset's, or fatezero"),
        CONSTANT("method", "fatezero", 0, "attention is fused"),
        CONSTANT("method", "infusion", 1, "features, keys and values are injected first"),
    STRING("inject",        inject, "auto", "of infusion, share of the steps with the source's features; auto is the preset's, or 0"),
    STRING("inject_at",     inject_at, "auto", "block+block, the decoder's residual blocks that they are of; auto is the preset's, or up1.1"),
    NUMBER("inject_weight", inject_weight, 1, "0 the edit's features to 1 the source's"),
        AUTO("inject_weight", "the preset's, or 1"),
    STRING("inject_kv",     inject_kv, "auto", "of infusion, share of the steps with the source's keys and values; auto is the preset's, or 0"),
    INTEGER("fuse",         fuse, 1,       "what of the source's self-attention is fused"),
        AUTO("fuse", "the preset's, or maps"),
        CONSTANT("fuse", "maps", 0, "its maps, for the edit's values"),
        CONSTANT("fuse", "outputs", 1, "its maps and values"),
    INTEGER("attention",    attention, 1,  "where the source's attention is taken"),
        AUTO("attention", "the preset's, or inversion"),
        CONSTANT("attention", "inversion", 0, "as in the paper"),
        CONSTANT("attention", "reconstruction", 1, "as was usual before it"),
    INTEGER("norm",         norm, 1,       "what is normalised together"),
        AUTO("norm", "the preset's, or frame"),
        CONSTANT("norm", "frame", 0, "each frame by itself"),
        CONSTANT("norm", "window", 1, "all, as in the authors' code"),
    FLAG("parity",          parity,        "follow the authors' code to the letter; auto is the preset's, or 0"),
    INTEGER("size",         size, 4096,    "short side of the picture that is edited, in pixels; 0 is the model's own"),
        AUTO("size", "the preset's, or 0"),
    INTEGER("store",        store, 1,      "what becomes of what attention needs of the source"),
        AUTO("store", "kept if it takes no more than half of the free memory"),
        CONSTANT("store", "keep", 0, "it is kept in memory"),
        CONSTANT("store", "recompute", 1, "it is made once more beside the edit"),
    FIXED_STRING("inversion",     inversion, NULL, "folder that inversions and edits are kept in, to go on with them (default none)"),
    NUMBER("cache_limit",   cache_limit, 1000000, "of that folder, in GB; those files go that were not used for longest; 0 is none"),
        AUTO("cache_limit", "none (default 0)"),
    STRING("show",          show, "edit",  "edit, mask, compare or attention=word, what is seen of it"),

    /* the filter's own */
    { "cut", "a shot begins where the score of scdet, 0 to 100, is at least this; 0 for never", OFFSET(cut), AV_OPT_TYPE_DOUBLE,
        { .dbl = 10 }, 0, 100, RUNTIME },
    { "on_error", "what becomes of frames whose edit fails", OFFSET(on_error), AV_OPT_TYPE_INT,
        { .i64 = ON_ERROR_FAIL }, ON_ERROR_FAIL, ON_ERROR_PASS, RUNTIME, "on_error" },
        { "fail", "stop with an error",  0, AV_OPT_TYPE_CONST, { .i64 = ON_ERROR_FAIL }, 0, 0, RUNTIME, "on_error" },
        { "pass", "pass them unedited",  0, AV_OPT_TYPE_CONST, { .i64 = ON_ERROR_PASS }, 0, 0, RUNTIME, "on_error" },
    { NULL }
};

AVFILTER_DEFINE_CLASS(fatezero);

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

const FILTER ff_vf_fatezero = {
    PUBLIC(name)        = "fatezero",
    PUBLIC(description) = NULL_IF_CONFIG_SMALL("Edit video by words."),
    PUBLIC(priv_class)  = &fatezero_class,
    PUBLIC(flags)       = AVFILTER_FLAG_SUPPORT_TIMELINE_INTERNAL | AVFILTER_FLAG_DYNAMIC_OUTPUTS,
    .priv_size          = sizeof(FatezeroContext),
    .init               = init,
    .uninit             = uninit,
    .activate           = activate,
    .process_command    = process_command,
    FILTER_INPUTS(inputs),
    FILTER_OUTPUTS(outputs),
    FILTER_PIXFMTS_ARRAY(pix_fmts),
};
