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
 * where a shot begins, as the filter fatezero sees it
 */

#include <math.h>
#include <string.h>

#include "libavutil/avstring.h"
#include "libavutil/common.h"
#include "libavutil/dict.h"
#include "libavutil/error.h"
#include "libavutil/frame.h"
#include "libavutil/imgutils.h"
#include "libavutil/pixdesc.h"

#include "scene_sad.h"
#include "vf_fatezero.h"

#define SHORTEST_SHOT 4 ///< frames; a cut that follows the last one sooner is a flash
#define WIDEST_REGISTER 64 ///< bytes

/**
 * The score of the filter scdet, 0 to 100: how much a frame differs from the one before, or by how much that has changed since
 * the last frame, if that is less.
 * Of YUV it is the luma's, of RGB that of all planes.
 */
static double scene_score(FatezeroShots *s, const AVFrame *frame)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(frame->format);
    const int depth  = desc->comp[0].depth;
    const int planes = desc->flags & AV_PIX_FMT_FLAG_RGB ? av_pix_fmt_count_planes(frame->format) : 1;
    const double before = s->change;
    uint64_t sum = 0, count = 0;

    for (int i = 0; i < planes; i++) {
        ptrdiff_t width = av_image_get_linesize(frame->format, frame->width, i) >> (depth > 8);
        /* the function for SSE2 reads whole registers, and the second picture's at multiples of their size alone */
        const int aligned = width >= WIDEST_REGISTER && !(((uintptr_t)frame->data[i] | frame->linesize[i]) % 16);
        const ff_scene_sad_fn sad = depth > 8 ? ff_scene_sad_get_fn(16) : aligned ? ff_scene_sad_get_fn(8) : ff_scene_sad_c;
        uint64_t of_plane;

        sad(s->previous->data[i], s->previous->linesize[i], frame->data[i], frame->linesize[i], width, frame->height, &of_plane);
        sum   += of_plane;
        count += width * frame->height;
    }
    s->change = 100. * sum / count / (1 << (depth + desc->comp[0].shift));  // P010 has its bits on top
    return FFMIN(s->change, fabs(s->change - before));
}

int ff_fatezero_begins_shot(FatezeroShots *s, const AVFrame *frame, double cut)
{
    const AVDictionaryEntry *cut_time = av_dict_get(frame->metadata, "lavfi.scd.time", NULL, 0);
    const int other_size = s->previous && (frame->width != s->previous->width || frame->height != s->previous->height);
    int begins = other_size;

    if (!s->previous || other_size)
        s->change = 0;
    else if (cut > 0)
        begins = scene_score(s, frame) >= cut;
    if (cut_time) {                         // a filter that repeats frames repeats this, too
        begins |= !!strcmp(cut_time->value, s->cut_time);
        av_strlcpy(s->cut_time, cut_time->value, sizeof(s->cut_time));
    }
    begins &= s->previous && (other_size || s->length >= SHORTEST_SHOT);
    s->length = begins ? 1 : s->length + 1;
    av_frame_free(&s->previous);
    s->previous = av_frame_clone(frame);
    return s->previous ? begins : AVERROR(ENOMEM);
}
