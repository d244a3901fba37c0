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
 * masks of the filter fatezero, frames of its second input
 *
 * As framesync pairs frames; that has one output, which it ends with its input, where there may be several here, and windows to edit.
 */

#include "libavutil/error.h"
#include "libavutil/frame.h"
#include "libavutil/log.h"
#include "libavutil/mathematics.h"

#include "avfilter.h"
#include "filters.h"
#include "version.h"
#include "vf_fatezero.h"
#if LIBAVFILTER_VERSION_INT < AV_VERSION_INT(10, 4, 100)
#include "internal.h"
#endif

/** A mask, which it owns from now on, in rows from top to bottom. */
static int adopt(AVFilterLink *link, AVFrame *frame, AVFrame **mask)
{
    AVFrame *upright;
    int ret = ff_fatezero_adopt(link, &frame);

    if (ret < 0) {
        av_frame_free(&frame);
        return ret;
    }
    av_frame_free(mask);
    *mask = frame;
    if (frame->linesize[0] >= frame->width)
        return 0;
    if (!(upright = av_frame_alloc()))
        return AVERROR(ENOMEM);
    upright->format = frame->format;
    upright->width  = frame->width;
    upright->height = frame->height;
    *mask = upright;
    if ((ret = av_frame_get_buffer(upright, 0)) >= 0 && (ret = av_frame_copy_props(upright, frame)) >= 0)
        ret = av_frame_copy(upright, frame);
    av_frame_free(&frame);
    return ret;
}

int ff_fatezero_find_mask(AVFilterContext *ctx, AVFrame **mask)
{
    AVFilterLink *frames = ctx->inputs[0], *masks;
    AVFrame *frame;
    int64_t pts;
    int status, ret;

    if (ctx->nb_inputs == 1 || !ff_inlink_queued_frames(frames))
        return 1;
    masks = ctx->inputs[1];
    frame = ff_inlink_peek_frame(frames, 0);
    while (ff_inlink_queued_frames(masks)) {
        AVFrame *next = ff_inlink_peek_frame(masks, 0);

        if (av_compare_ts(next->pts, masks->time_base, frame->pts, frames->time_base) > 0) {
            /* the first mask counts for earlier frames, too;
             * it stays in the link, since taking it would run commands queued up to its time */
            if (!*mask && (ret = (next = av_frame_clone(next)) ? adopt(masks, next, mask) : AVERROR(ENOMEM)) < 0)
                return ret;
            return 1;
        }
        if ((ret = ff_inlink_consume_frame(masks, &next)) < 0 || (ret = adopt(masks, next, mask)) < 0)
            return ret;
    }
    if (*mask && !av_compare_ts((*mask)->pts, masks->time_base, frame->pts, frames->time_base))
        return 1;
    if (!ff_inlink_acknowledge_status(masks, &status, &pts))
        return 0;
    if (*mask)
        return 1;
    av_log(ctx, AV_LOG_ERROR, "mask=1: the second input ended without a frame\n");
    return AVERROR(EINVAL);
}
