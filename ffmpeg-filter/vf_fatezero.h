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

#ifndef AVFILTER_VF_FATEZERO_H
#define AVFILTER_VF_FATEZERO_H

/**
 * @file
 * what the filter fatezero is made of, a section for each file: none of them knows FatezeroContext, which is vf_fatezero.c's
 */

#include <pthread.h>

#include "libavutil/frame.h"
#include "libavutil/log.h"
#include "libavutil/opt.h"
#include "libavutil/pixfmt.h"

#include "avfilter.h"

struct AVExpr;
struct SwsContext;

/* ---- fatezero_options.c: what can be set, and how the engine is told ---- */

enum FatezeroOnError {
    ON_ERROR_FAIL,
    ON_ERROR_PASS,
};

/** In the order of the table; those before cut are the engine's, which has what is at its default here decided by the preset. */
typedef struct FatezeroOptions {
    const AVClass *class;
    char *preset;
    char *presets;
    char *edit;
    char *prompt;
    char *prompt2;
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
    int speed;
    int steps;
    int solver;
    double guidance;
    char *guidance_interval;
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
    int blend_pixels;
    double confine;
    int mask;
    char *keys;
    int anchor;
    char *keys_at;
    int fuse_at;
    double steady;
    double detail;
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
    char *mix;
    int on_error;
} FatezeroOptions;

extern const AVOption ff_fatezero_options[];

/** @return those of the engine's options that are not left to the preset, as option, value, ..., NULL; NULL for lack of memory */
char **ff_fatezero_settings(const FatezeroOptions *options);

void ff_fatezero_free_settings(char ***settings);

/**
 * Sets an option by a command.
 *
 * @param value empty as if it had not been set
 * @return positive if it is the engine's
 */
int ff_fatezero_set_option(AVFilterContext *ctx, FatezeroOptions *options, const char *name, const char *value);

/** The same for several, as option=value:option=value. */
int ff_fatezero_set_options(AVFilterContext *ctx, FatezeroOptions *options, const char *values);

/* ---- fatezero_course.c: mix and cut, over the frames ---- */

/** What they are, and from which frame on. */
typedef struct FatezeroCourse {
    struct AVExpr *mix;
    int mixes;                  ///< mix is not 0
    double cut;
    int64_t first;              ///< frame, counted from 0 as they arrive
    struct FatezeroCourse *next;    ///< that frames follow later, as a command wanted
} FatezeroCourse;

/**
 * Makes a course of the options as they are, for frames from the one with this number on.
 *
 * @param course NULL after an error
 */
int ff_fatezero_make_course(AVFilterContext *ctx, FatezeroCourse **course, const FatezeroOptions *options, int64_t first);

/** Puts a course behind those that there are. */
void ff_fatezero_add_course(FatezeroCourse **course, FatezeroCourse *last);

/** Forgets the courses that end before the frame with this number: the first that is left is its own. */
void ff_fatezero_follow_course(FatezeroCourse **course, int64_t number);

/** Frees a course, if there is one, and all that follow. */
void ff_fatezero_free_courses(FatezeroCourse **course);

/** Notes in a frame's metadata how far it has moved to the second prompt, or removes such a note if its course does not mix. */
int ff_fatezero_evaluate_mix(AVFilterContext *ctx, const FatezeroCourse *course, AVFrame *frame, int64_t number);

/**
 * Reads how far frames have moved.
 *
 * @param shares of the second prompt in each
 * @return whether that was noted in any
 */
int ff_fatezero_read_mix(double *shares, AVFrame *const *frames, int nb_frames);

/* ---- fatezero_signals.c: whether the host was asked to stop ---- */

typedef struct FatezeroSignals {
    int listening;
    int holding;                ///< Java and libtorch are being loaded, and signals are held
    int seen;                   ///< signals of the process when this began to listen
} FatezeroSignals;

void ff_fatezero_listen(FatezeroSignals *s);

/** Undoes ff_fatezero_listen(), if it was called. */
void ff_fatezero_unlisten(FatezeroSignals *s);

/** From now on, until ff_fatezero_deliver_signals(), the host's handlers wait. */
void ff_fatezero_hold_signals(FatezeroSignals *s);

/** Signals of one number that arrived in the meantime are delivered once, as the kernel does with pending signals. */
void ff_fatezero_deliver_signals(FatezeroSignals *s);

int ff_fatezero_interrupted(const FatezeroSignals *s);

/* ---- fatezero_worker.c: a thread that does one thing at a time ---- */

enum FatezeroState {
    WORKER_IDLE,
    WORKER_BUSY,
    WORKER_FINISHED,
    WORKER_LEAVING,
};

typedef struct FatezeroWorker {
    int is_there;               ///< the thread was started; the host's threads alone ask
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum FatezeroState state;   ///< under the lock
    void (*task)(AVFilterContext *ctx);
    AVFilterContext *ctx;
} FatezeroWorker;

/** Starts the worker with a task. It takes no signal but those of its own faults. */
int ff_fatezero_start_worker(FatezeroWorker *worker, AVFilterContext *ctx, void (*task)(AVFilterContext *ctx));

/** Gives the worker something to do, once it has done what it is busy with. */
void ff_fatezero_give(FatezeroWorker *worker, void (*task)(AVFilterContext *ctx));

/** Waits until the worker is not busy, and sets its state: WORKER_BUSY has it do its task. */
void ff_fatezero_set_state(FatezeroWorker *worker, enum FatezeroState state);

int ff_fatezero_is_finished(FatezeroWorker *worker);

/** Ends the worker after a last task, if it is there. */
void ff_fatezero_end_worker(FatezeroWorker *worker, void (*task)(AVFilterContext *ctx));

/* ---- fatezero_frames.c: frames in the engine's format and back, by their tags ---- */

/** What the engine takes for a format: packed RGB, of 16 bits if 8 do not hold it. */
enum AVPixelFormat ff_fatezero_rgb_format(enum AVPixelFormat format);

/** What converts frames of one format, size and tags to another format: whole ones, and the fields of interlaced ones. */
typedef struct FatezeroScalers {
    struct SwsContext *sws[3];  ///< made when they are needed first
} FatezeroScalers;

/** Converts a frame's format alone: where that is from or to RGB, by the tags of the frame that is not RGB. @return 0 or an error */
int ff_fatezero_convert(FatezeroScalers *scalers, AVFrame *to, const AVFrame *from);

void ff_fatezero_free_scalers(FatezeroScalers *scalers);

/** Brings a frame into the format that was agreed on; a host that is told not to build its graph anew may change it midway. */
int ff_fatezero_adopt(AVFilterLink *inlink, AVFrame **frame);

/** Whether two frames can be in one window. */
int ff_fatezero_are_alike(const AVFrame *a, const AVFrame *b);

/** Warns of what the engine does not keep of the video's colours, once for each. */
void ff_fatezero_warn_of_colours(AVFilterContext *ctx, const AVFrame *frame, int *warned_hdr, int *warned_matrix);

/** @return the frame, as often as panels of it lie side by side */
AVFrame *ff_fatezero_repeat(AVFilterLink *outlink, const AVFrame *frame, int panels);

/** Copies a frame's alpha, if there is any, into each of the panels that lie side by side in another. */
void ff_fatezero_copy_alpha(AVFrame *out, const AVFrame *in);

/**
 * Gives a frame its own samples back where an edit has left what they stand for as it was: they are not to lose by the way to RGB.
 *
 * @param out the edit, in the format and size of in
 * @param edited the same in RGB24 or RGB48, and unedited what in was there
 */
void ff_fatezero_keep_samples(AVFrame *out, const AVFrame *in, const AVFrame *edited, const AVFrame *unedited);

/* ---- fatezero_shots.c: where a shot begins ---- */

typedef struct FatezeroShots {
    AVFrame *previous;          ///< the last frame that arrived
    double change;              ///< between it and the one before
    int length;                 ///< frames that arrived since the last cut
    char cut_time[32];          ///< of the last cut that a filter before this one has found
} FatezeroShots;

/**
 * Whether a frame that has arrived begins a shot: by its difference to the last one, or since a filter before this one says so.
 *
 * @param cut score of scdet from which on it does, 0 for never
 * @return 1 if it does, 0 if not, or an error
 */
int ff_fatezero_begins_shot(FatezeroShots *s, const AVFrame *frame, double cut);

/* ---- fatezero_masks.c: which frame of the second input is a frame's mask ---- */

/**
 * Finds the mask of the first frame that waits in the first input: the last one that is not later, or else the first that there is.
 *
 * @param mask of the frame before, which is replaced
 * @return 1 if it is there, or nobody wants it: without a second input, or without a frame that waits; 0 if it may yet come; or an error
 */
int ff_fatezero_find_mask(AVFilterContext *ctx, AVFrame **mask);

#endif /* AVFILTER_VF_FATEZERO_H */
