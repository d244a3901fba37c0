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
 * mix and cut of the filter fatezero over the frames, since commands change them on the way
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libavutil/common.h"
#include "libavutil/dict.h"
#include "libavutil/error.h"
#include "libavutil/eval.h"
#include "libavutil/frame.h"
#include "libavutil/log.h"
#include "libavutil/mem.h"

#include "avfilter.h"
#include "vf_fatezero.h"

#define MIX "lavfi.fatezero.mix"  ///< metadata of a frame that has moved to the second prompt, how far

/** Frees the first of a list. */
static void free_first(FatezeroCourse **course)
{
    FatezeroCourse *next = (*course)->next;

    av_expr_free((*course)->mix);
    av_free(*course);
    *course = next;
}

void ff_fatezero_free_courses(FatezeroCourse **course)
{
    while (*course)
        free_first(course);
}

int ff_fatezero_make_course(AVFilterContext *ctx, FatezeroCourse **course, const FatezeroOptions *options, int64_t first)
{
    static const char *const names[] = { "t", "n", NULL };
    int ret;

    if (!(*course = av_mallocz(sizeof(**course))))
        return AVERROR(ENOMEM);
    (*course)->mixes = !!strcmp(options->mix, "0");
    (*course)->cut   = options->cut;
    (*course)->first = first;
    ret = av_expr_parse(&(*course)->mix, options->mix, names, NULL, NULL, NULL, NULL, 0, ctx);
    if (ret < 0) {
        av_log(ctx, AV_LOG_ERROR, "mix=%s: expected a number, or an expression of t and n\n", options->mix);
        free_first(course);
    }
    return ret;
}

void ff_fatezero_add_course(FatezeroCourse **course, FatezeroCourse *last)
{
    while (*course)
        course = &(*course)->next;
    *course = last;
}

void ff_fatezero_follow_course(FatezeroCourse **course, int64_t number)
{
    while ((*course)->next && (*course)->next->first <= number)
        free_first(course);
}

int ff_fatezero_evaluate_mix(AVFilterContext *ctx, const FatezeroCourse *course, AVFrame *frame, int64_t number)
{
    double values[] = { frame->pts == AV_NOPTS_VALUE ? NAN : frame->pts * av_q2d(ctx->inputs[0]->time_base), number };
    double share = av_expr_eval(course->mix, values, ctx);
    /* rounded, since a ramp's first frame is to be prompt's own, and not a little less;
     * and whole, since a locale may have another decimal point */
    int millionths = isnan(share) ? 0 : lrint(1e6 * av_clipd(share, 0, 1));
    char text[32], *end;

    snprintf(text, sizeof(text), "%d.%06d", millionths / 1000000, millionths % 1000000);
    for (end = text + strlen(text); end[-1] == '0'; end--)
        ;
    end[end[-1] == '.' ? -1 : 0] = 0;
    return av_dict_set(&frame->metadata, MIX, course->mixes ? text : NULL, 0);
}

/** @return the share that ff_fatezero_evaluate_mix() has written */
static double share_of(const char *text)
{
    char millionths[7] = "000000", *point;
    double whole = strtol(text, &point, 10);

    if (*point == '.')
        memcpy(millionths, point + 1, FFMIN(strlen(point + 1), 6));
    return whole + strtol(millionths, NULL, 10) / 1e6;
}

int ff_fatezero_read_mix(double *shares, AVFrame *const *frames, int nb_frames)
{
    int moved = 0;

    for (int i = 0; i < nb_frames; i++) {
        const AVDictionaryEntry *entry = av_dict_get(frames[i]->metadata, MIX, NULL, 0);

        shares[i] = entry ? share_of(entry->value) : 0;
        moved |= !!entry;
    }
    return moved;
}
