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
 * frames of the filter fatezero: the engine takes packed RGB, and what it gives goes back into the video's own format
 */

#include <string.h>

#include "libavutil/avstring.h"
#include "libavutil/common.h"
#include "libavutil/error.h"
#include "libavutil/frame.h"
#include "libavutil/imgutils.h"
#include "libavutil/opt.h"
#include "libavutil/pixdesc.h"
#include "libavutil/pixfmt.h"
#include "libswscale/swscale.h"

#include "avfilter.h"
#include "version.h"
#include "video.h"
#include "vf_fatezero.h"
#if LIBAVFILTER_VERSION_INT < AV_VERSION_INT(10, 4, 100)
#include "internal.h"
#endif

enum AVPixelFormat ff_fatezero_rgb_format(enum AVPixelFormat format)
{
    return av_pix_fmt_desc_get(format)->comp[0].depth > 8 ? AV_PIX_FMT_RGB48 : AV_PIX_FMT_RGB24;
}

static int is_rgb(const AVFrame *frame)
{
    return av_pix_fmt_desc_get(frame->format)->flags & AV_PIX_FMT_FLAG_RGB;
}

/** Gray goes from 0 to 255, as swscale has it. */
static int is_full_range(const AVFrame *frame)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(frame->format);

    return frame->color_range == AVCOL_RANGE_JPEG || desc->nb_components == 1 || av_strstart(desc->name, "yuvj", NULL);
}

/** What of a frame's lines is converted at once. */
enum { WHOLE, TOP_FIELD, BOTTOM_FIELD };

/** Tells swscale where a frame's chroma lies; where that is not tagged it takes it to lie in the middle, here too. */
static void set_chroma_position(struct SwsContext *sws, const char *h_option, const char *v_option,
                                const AVFrame *frame, enum AVChromaLocation location, int part)
{
    static const int middle[] = { [WHOLE] = 128, [TOP_FIELD] = 64, [BOTTOM_FIELD] = 192 };
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(frame->format);
    int h = location & 1 ? 0 : 128;
    int v = location < AVCHROMA_LOC_TOPLEFT ? middle[part] : location < AVCHROMA_LOC_BOTTOMLEFT ? 0 : 256;

    if (desc->log2_chroma_w)
        av_opt_set_int(sws, h_option, h * ((1 << desc->log2_chroma_w) - 1), 0);
    if (desc->log2_chroma_h)
        av_opt_set_int(sws, v_option, FFMIN(v * ((1 << desc->log2_chroma_h) - 1), 512), 0);     /* swscale's most */
}

/** @param height of what is converted, in lines */
static int make_scaler(struct SwsContext **sws, const AVFrame *to, const AVFrame *from, int part, int height)
{
    const AVFrame *tags = is_rgb(to) ? from : to;
    const int *matrix = sws_getCoefficients(tags->colorspace);
    int from_full = is_full_range(is_rgb(from) ? to : from), to_full = is_full_range(is_rgb(to) ? from : to), ret;

    if (!(*sws = sws_alloc_context()))
        return AVERROR(ENOMEM);
    av_opt_set_int(*sws, "srcw", from->width, 0);
    av_opt_set_int(*sws, "srch", height, 0);
    av_opt_set_int(*sws, "src_format", from->format, 0);
    av_opt_set_int(*sws, "dstw", from->width, 0);
    av_opt_set_int(*sws, "dsth", height, 0);
    av_opt_set_int(*sws, "dst_format", to->format, 0);
    av_opt_set_int(*sws, "sws_flags", SWS_BICUBIC | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP |
                                      SWS_ACCURATE_RND | SWS_BITEXACT, 0);  // the same on every processor
    set_chroma_position(*sws, "src_h_chr_pos", "src_v_chr_pos", from, tags->chroma_location, part);
    set_chroma_position(*sws, "dst_h_chr_pos", "dst_v_chr_pos", to, tags->chroma_location, part);
    if ((ret = sws_init_context(*sws, NULL, NULL)) < 0)
        return ret;
    return sws_setColorspaceDetails(*sws, matrix, from_full, matrix, to_full, 0, 1 << 16, 1 << 16) < 0 ? AVERROR(ENOSYS) : 0;
}

static int convert_part(FatezeroScalers *scalers, AVFrame *to, const AVFrame *from, int part)
{
    struct SwsContext **sws = &scalers->sws[part];
    int nb_fields = part == WHOLE ? 1 : 2, first = part == BOTTOM_FIELD, height = from->height / nb_fields, ret;
    const uint8_t *source[4];
    uint8_t *target[4];
    int source_linesize[4], target_linesize[4];

    for (int i = 0; i < 4; i++) {
        source[i] = from->data[i] ? from->data[i] + first * (ptrdiff_t)from->linesize[i] : NULL;
        target[i] = to->data[i]   ? to->data[i]   + first * (ptrdiff_t)to->linesize[i]   : NULL;
        source_linesize[i] = from->linesize[i] * nb_fields;
        target_linesize[i] = to->linesize[i]   * nb_fields;
    }
    if (!*sws && (ret = make_scaler(sws, to, from, part, height)) < 0)
        return ret;
    return FFMIN(sws_scale(*sws, source, source_linesize, 0, height, target, target_linesize), 0);
}

/** Whether each line of chroma, in either format, belongs to lines of one field, which then are converted without the other's. */
static int has_fields(const AVFrame *to, const AVFrame *frame)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(frame->format);
    int v_shift = FFMAX(desc->log2_chroma_h, av_pix_fmt_desc_get(to->format)->log2_chroma_h);
#ifdef AV_FRAME_FLAG_INTERLACED
    int interlaced = frame->flags & AV_FRAME_FLAG_INTERLACED;
#else
    int interlaced = frame->interlaced_frame;
#endif

    return interlaced && v_shift && frame->height % (2 << v_shift) == 0 && !(desc->flags & AV_PIX_FMT_FLAG_PAL);
}

int ff_fatezero_convert(FatezeroScalers *scalers, AVFrame *to, const AVFrame *from)
{
    int ret;

    if (!has_fields(to, from))
        return convert_part(scalers, to, from, WHOLE);
    ret = convert_part(scalers, to, from, TOP_FIELD);
    return ret < 0 ? ret : convert_part(scalers, to, from, BOTTOM_FIELD);
}

void ff_fatezero_free_scalers(FatezeroScalers *scalers)
{
    for (int i = 0; i < FF_ARRAY_ELEMS(scalers->sws); i++) {
        sws_freeContext(scalers->sws[i]);
        scalers->sws[i] = NULL;
    }
}

void ff_fatezero_warn_of_colours(AVFilterContext *ctx, const AVFrame *frame, int *warned_hdr, int *warned_matrix)
{
    int hdr = frame->color_trc == AVCOL_TRC_SMPTE2084 || frame->color_trc == AVCOL_TRC_ARIB_STD_B67;

    if (hdr && !(*warned_hdr)++)
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
        if (!is_rgb(frame) && !(*warned_matrix)++)
            av_log(ctx, AV_LOG_WARNING, "swscale does not know the matrix %s, so the engine sees false colours, and the edit has them; "
                   "convert the video first: zscale=m=bt709,fatezero=...\n", av_color_space_name(frame->colorspace));
    }
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
        int width = AV_CEIL_RSHIFT(in->width, w_shift);

        /* by their right edges: the last column of chroma may belong to a panel in part */
        for (int x = in->width; x <= out->width; x += in->width)
            av_image_copy_plane(out->data[plane] + (AV_CEIL_RSHIFT(x, w_shift) - width) * step[plane], out->linesize[plane],
                                in->data[plane], in->linesize[plane], width * step[plane], AV_CEIL_RSHIFT(in->height, h_shift));
    }
}

void ff_fatezero_copy_alpha(AVFrame *out, const AVFrame *in)
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

/** Whether what a sample stands for is the same in two packed frames: width pixels of as many lines as it covers, step lines apart. */
static int are_same(const AVFrame *a, const AVFrame *b, int x, int width, int y, int lines, int step)
{
    int size = a->format == AV_PIX_FMT_RGB24 ? 3 : 6;

    for (int end = FFMIN(y + lines * step, a->height); y < end; y += step)
        if (memcmp(a->data[0] + y * (ptrdiff_t)a->linesize[0] + x * size,
                   b->data[0] + y * (ptrdiff_t)b->linesize[0] + x * size, width * size))
            return 0;
    return 1;
}

void ff_fatezero_keep_samples(AVFrame *out, const AVFrame *in, const AVFrame *edited, const AVFrame *unedited)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(in->format);
    int fields = 1 + has_fields(edited, in), step[4];

    av_image_fill_max_pixsteps(step, NULL, desc);
    for (int plane = 0; plane < 4 && in->data[plane]; plane++) {
        int chroma = plane == 1 || plane == 2;
        int w_shift = chroma ? desc->log2_chroma_w : 0, h_shift = chroma ? desc->log2_chroma_h : 0;
        int width = AV_CEIL_RSHIFT(in->width, w_shift), height = AV_CEIL_RSHIFT(in->height, h_shift);

        for (int y = 0; y < height; y++) {
            const uint8_t *source = in->data[plane] + y * (ptrdiff_t)in->linesize[plane];
            uint8_t *target = out->data[plane] + y * (ptrdiff_t)out->linesize[plane];
            int line = (y / fields << h_shift) * fields + y % fields;

            for (int x = 0; x < width; x++)
                if (are_same(edited, unedited, x << w_shift, FFMIN(1 << w_shift, in->width - (x << w_shift)), line, 1 << h_shift, fields))
                    memcpy(target + x * step[plane], source + x * step[plane], step[plane]);
        }
    }
}

AVFrame *ff_fatezero_repeat(AVFilterLink *outlink, const AVFrame *frame, int panels)
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

int ff_fatezero_adopt(AVFilterLink *inlink, AVFrame **frame)
{
    FatezeroScalers scalers = { { NULL } };
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
#if LIBAVFILTER_VERSION_INT >= AV_VERSION_INT(10, 1, 100)
            out->colorspace  = inlink->colorspace;
            out->color_range = inlink->color_range;
#else
            out->colorspace  = AVCOL_SPC_UNSPECIFIED;
            out->color_range = AVCOL_RANGE_UNSPECIFIED;
#endif
        }
        if (!is_rgb(out) && is_full_range(out))
            out->color_range = AVCOL_RANGE_JPEG;    // as its format says, whatever the frame was before
        ret = ff_fatezero_convert(&scalers, out, in);
        ff_fatezero_free_scalers(&scalers);
    }
    av_frame_free(frame);
    *frame = out;
    return ret;
}

int ff_fatezero_are_alike(const AVFrame *a, const AVFrame *b)
{
    return a->width == b->width && a->height == b->height && a->colorspace == b->colorspace &&
           a->color_range == b->color_range && a->chroma_location == b->chroma_location;
}
