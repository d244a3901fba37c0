/*
 * Maltreats libfatezero and the filter, in one process with the stub engine, and counts what is not right.
 *
 *     torture fuzz CASES [SEED]    random options, frames, rows, formats, commands; one case the bridge's, the next the filter's
 *     torture faults               every allocation and new Java object of some clips fails once, one after another
 *     torture starts               every allocation of the bridge while it starts Java fails once, each in a process of its own
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fatezero.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/avutil.h>
#include <libavutil/dict.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <libavutil/pixdesc.h>

#include "faults.h"

#define MAX_FRAMES 40
#define MAX_EDITS  4
#define MAX_SIDE   48

static int wrongs;
static char now[16384];             // what is tried

__attribute__((format(printf, 1, 2)))
static void wrong(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "wrong: %s: ", now);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    wrongs++;
}

/* ---- chance ---- */

static uint64_t chance;

static int number(int below)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (chance >> 20) % (unsigned)below;
}

static int once_in(int n)
{
    return !number(n);
}

static const char *one_of(const char *const *texts)
{
    int n = 0;

    while (texts[n])
        n++;
    return texts[number(n)];
}

static void mutate(char *text, size_t size)
{
    for (int i = 1 + number(4); i > 0; i--) {
        size_t length = strlen(text), at = number(length + 1);

        switch (number(4)) {
        case 0:
            if (at < length)
                text[at] ^= 1 << number(8);
            break;
        case 1:
            if (at < length)
                memmove(text + at, text + at + 1, length - at);
            break;
        case 2:
            text[at] = '\0';
            break;
        default:
            if (length + 2 < size) {
                memmove(text + at + 1, text + at, length - at + 1);
                text[at] = ":='\\|,[];\n%\377\300 0"[number(15)];
            }
        }
    }
}

/* ---- the bridge ---- */

static int go_on = 1;

static void on_log(void *opaque, fatezero_level level, const char *message)
{
    (void)opaque, (void)level, (void)message;
}

static int on_step(void *opaque, const char *phase, int step, int steps)
{
    (void)opaque, (void)phase, (void)step, (void)steps;
    return go_on;
}

/* One editor and one window, of which anything may be wrong. */
static void try_bridge(void)
{
    static const char *const keys[]   = { "window", "steps", "presets", "prompt", "source", "show", "", "none such", NULL };
    static const char *const values[] = { "1", "3", "40", "0", "-1", "99999999999", "a|b", "|", "compare", "mixed", "throw IOException x",
                                          "throw OutOfMemoryError", "\377\376", "\360\237\216\250", "", NULL };
    const fatezero_host host = { .log = on_log, .step = on_step };
    const char *options[16] = { "steps", "1", NULL };
    static uint8_t memory[2][1 << 20];
    fatezero_image images[2][MAX_FRAMES * MAX_EDITS];
    fatezero_error error = { 0 };
    fatezero *fz;
    int n = once_in(10) ? -1 : number(10), width = number(24), height = number(12), depth = once_in(10) ? number(20) : 8 << number(2);
    int row = 3 * width * depth / 8, bad = n < 1 || !width || !height || (depth != 8 && depth != 16), edits, at = 2, expected, window;
    fatezero_code code;

    while (at < 14 && !once_in(3)) {
        options[at++] = one_of(keys);
        options[at++] = one_of(values);
    }
    at -= once_in(20);                      // the last has no value
    options[at] = NULL;
    snprintf(now, sizeof(now), "bridge, %d frames of %dx%d with %d bits:", n, width, height, depth);
    for (int i = 0; i < at; i++)
        snprintf(now + strlen(now), sizeof(now) - strlen(now), " '%s'", options[i]);

    fz = fatezero_open(options, once_in(2) ? &host : NULL, &error);
    if (!fz) {
        if (!error.code || !error.message[0])
            wrong("refused without a reason");
        return;
    }
    edits  = fatezero_edits(fz);
    window = fatezero_window(fz);
    if (edits > MAX_EDITS || window < 1)
        wrong("%d edits, %d frames", edits, window);
    for (size_t i = 0; i < sizeof(memory); i++)
        ((uint8_t *)memory)[i] = i * 7;
    for (int side = 0, offset = 0; side < 2; side++, offset = 0)
        for (int i = 0; i < n * (side ? edits : 1); i++) {
            int own = row * (side ? fatezero_panels(fz, i / n) : 1), stride = own + (once_in(4) ? number(40) : 0);

            if (once_in(60))
                stride = once_in(2) ? own - 1 : -own;
            images[side][i] = (fatezero_image) { memory[side] + offset, stride };
            if (once_in(80))
                images[side][i].data = NULL;
            bad    |= stride < own || !images[side][i].data;
            offset += stride > 0 ? stride * height + 16 : 0;
        }
    go_on = !once_in(20);
    code  = fatezero_edit(fz, images[0], images[1], n, width, height, depth, &error);
    expected = code;
    if (bad)
        expected = FATEZERO_INVALID;
    else if (!strstr(now, "throw") && n <= window && go_on)
        expected = FATEZERO_OK;
    if ((int)code != expected || (code && !error.message[0]))
        wrong("gives %d (%s) and not %d", code, error.message, expected);
    for (int i = 0; !code && i < n * edits; i++)
        for (int y = 0; y < height; y++) {
            int right = row * (fatezero_panels(fz, i / n) - 1), size = depth / 8;
            const uint8_t *from = images[0][i % n].data + y * images[0][i % n].stride;
            const uint8_t *to   = images[1][i].data + y * images[1][i].stride;

            for (int x = 0; x < row; x += size) {
                uint16_t was = 0, is = 0;

                memcpy(&was, from + x, size);
                memcpy(&is, to + x + right, size);
                if ((~was + i / n - is) & ((1 << depth) - 1)) {
                    wrong("frame %d is not the edit of its source, in row %d", i, y);
                    y = height;
                    break;
                }
            }
        }
    // one byte behind a picture's last row is the next one's gap
    for (int i = 0; !bad && i < n * edits; i++) {
        const uint8_t *end = images[1][i].data + images[1][i].stride * (height - 1) + row * fatezero_panels(fz, i / n);

        for (int j = 0; j < 16; j++)
            if (end[j] != (uint8_t)((&end[j] - *memory) * 7)) {
                wrong("written behind image %d", i);
                break;
            }
    }
    fatezero_close(&fz);
    go_on = 1;
}

/* ---- the filter ---- */

typedef struct clip {
    char options[1024];
    int whole;                  // whether every frame must come out, edited or passed
    int frames;
    int change_at;              // from which frame on the second format and size hold
    enum AVPixelFormat format[2];
    int width[2], height[2];
    int edits, panels[MAX_EDITS];
    int passed;                 // so many of the first frames are not edited
    int fails;                  // no frame is edited
    int plain;                  // rows as FFmpeg's own are
    int commands;               // the first command that is sent, from 1; 0 for none
} clip;

static void give_back(void *opaque, uint8_t *data)
{
    (void)data;
    free(opaque);
}

/* A frame of random samples, in memory of its own, whose rows may lie apart, or upside down. */
static AVFrame *make_frame(const clip *c, int i)
{
    const AVPixFmtDescriptor *desc;
    AVFrame *frame = av_frame_alloc();
    int second = i >= c->change_at, sizes[4] = { 0 };
    uint16_t samples[MAX_SIDE];

    frame->format = c->format[second];
    frame->width  = c->width[second];
    frame->height = c->height[second];
    frame->pts    = i;
    desc = av_pix_fmt_desc_get(frame->format);
    frame->colorspace      = desc->flags & AV_PIX_FMT_FLAG_RGB ? AVCOL_SPC_RGB : second ? AVCOL_SPC_BT709 : AVCOL_SPC_UNSPECIFIED;
    frame->color_range     = desc->flags & AV_PIX_FMT_FLAG_RGB ? AVCOL_RANGE_JPEG : AVCOL_RANGE_UNSPECIFIED;
    frame->chroma_location = number(7);
    av_image_fill_linesizes(frame->linesize, frame->format, frame->width);
    for (int plane = 0; plane < 4 && frame->linesize[plane]; plane++) {
        int chroma = plane == 1 || plane == 2, gap = c->plain ? 64 - frame->linesize[plane] % 64 : once_in(3) ? 0 : 2 * number(20);
        int rows   = chroma ? AV_CEIL_RSHIFT(frame->height, desc->log2_chroma_h) : frame->height;
        uint8_t *memory;

        frame->linesize[plane] += gap;
        sizes[plane] = frame->linesize[plane] * rows;
        // swscale reads and writes in units of its own, behind a plane's end too, so that is there as FFmpeg's decoders have it
        memory = calloc(1, sizes[plane] + 128);
        frame->buf[plane]  = av_buffer_create(memory, sizes[plane] + 128, give_back, memory, 0);
        frame->data[plane] = memory;
        if (!c->plain && once_in(4)) {
            frame->data[plane]    += frame->linesize[plane] * (rows - 1);
            frame->linesize[plane] = -frame->linesize[plane];
        }
    }
    for (int component = 0; component < desc->nb_components; component++) {
        int chroma = !(desc->flags & AV_PIX_FMT_FLAG_RGB) && (component == 1 || component == 2);
        int width  = chroma ? AV_CEIL_RSHIFT(frame->width, desc->log2_chroma_w) : frame->width;

        for (int y = 0; y < (chroma ? AV_CEIL_RSHIFT(frame->height, desc->log2_chroma_h) : frame->height); y++) {
            for (int x = 0; x < width; x++)
                samples[x] = number(1 << desc->comp[component].depth);
            av_write_image_line2(samples, frame->data, frame->linesize, desc, 0, y, component, width, 2);
        }
    }
    return frame;
}

/* Whether the columns from x on of a component are those of the source, or their negative and some more. */
static int is_right(const AVFrame *out, int x, const AVFrame *in, int component, int negative, int more)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(in->format);
    int chroma = !(desc->flags & AV_PIX_FMT_FLAG_RGB) && (component == 1 || component == 2);
    int width  = chroma ? AV_CEIL_RSHIFT(in->width, desc->log2_chroma_w) : in->width;
    int full   = (1 << desc->comp[component].depth) - 1;
    uint16_t is[MAX_SIDE * 2], was[MAX_SIDE];

    for (int y = 0; y < (chroma ? AV_CEIL_RSHIFT(in->height, desc->log2_chroma_h) : in->height); y++) {
        av_read_image_line2(is,  (const uint8_t **)out->data, out->linesize, desc, chroma ? x >> desc->log2_chroma_w : x, y,
                            component, width, 0, 2);
        av_read_image_line2(was, (const uint8_t **)in->data,  in->linesize,  desc, 0, y, component, width, 0, 2);
        for (int i = 0; i < width; i++)
            if (abs(is[i] - (negative ? (full - was[i] + more) & full : was[i])) > (negative && full != 255 && full != 65535))
                return 0;
    }
    return 1;
}

static void check_frame(const clip *c, const AVFrame *out, const AVFrame *in, int edit)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(in->format);
    int passed = in->pts < c->passed || c->fails;
    const AVDictionaryEntry *preset = av_dict_get(out->metadata, "lavfi.fatezero.preset", NULL, 0);
    int exact  = desc->flags & AV_PIX_FMT_FLAG_RGB && (!edit || desc->comp[0].depth % 8 == 0), panels = c->panels[edit];

    if (out->width != in->width * panels || out->height != in->height) {
        wrong("frame %d of output %d has %dx%d", (int)in->pts, edit, out->width, out->height);
        return;
    }
    if (passed ? !!preset : !preset || (c->edits > 1 && preset->value[0] != 'a' + edit))
        wrong("frame %d of output %d says preset %s", (int)in->pts, edit, preset ? preset->value : "none");
    if (out->format != c->format[0])
        wrong("frame %d has become %s", (int)in->pts, av_get_pix_fmt_name(out->format));
    if (in->format != c->format[0])
        return;
    for (int i = 0; i < desc->nb_components; i++) {
        int alpha = i == 3 || (i == 1 && desc->nb_components == 2);

        // panels of subsampled YUV share chroma where they meet at an odd place
        for (int panel = 0; panel < panels && (!panel || exact || alpha || passed) && (panels == 1 || in->width % 8 == 0); panel++)
            if ((exact || alpha || passed) && !is_right(out, panel * in->width, in, i, !passed && !alpha && panel == panels - 1, edit)) {
                wrong("component %d of frame %d of output %d is not right", i, (int)in->pts, edit);
                return;
            }
    }
}

static int receive(const clip *c, AVFilterContext *const *sinks, int nb_sinks, AVFrame *out, AVFrame *const *frames, int *received)
{
    int ret = 0;

    for (int i = 0; i < nb_sinks; i++) {
        while ((ret = av_buffersink_get_frame(sinks[i], out)) >= 0) {
            if (c->whole && (received[i] >= c->frames || out->pts != received[i]))
                wrong("output %d has frame %d after %d", i, (int)out->pts, received[i] - 1);
            else if (c->whole)
                check_frame(c, out, frames[received[i]], i);
            received[i]++;
            av_frame_unref(out);
        }
        if (ret != AVERROR(EAGAIN) && ret != AVERROR_EOF)
            return ret;
    }
    return 0;
}

/* Sends the i-th of a row of commands, none of which changes what the stub makes of the frames, and some are wrong. */
static void send_command(const clip *c, AVFilterGraph *graph, int i, long fault)
{
    static const struct {
        const char *command, *value;
        int right;
    } commands[] = {
        { "source", "a b", 1 }, { "source", "throw IllegalArgumentException x", 0 }, { "guidance", "3", 1 }, { "guidance", "99", 0 },
        { "steps", "2", 1 }, { "steps", "0", 0 }, { "window", "2", 0 }, { "source", "", 1 }, { "none such", "1", 0 },
        { "reinit", "steps=1:to=\303\244", 1 }, { "reinit", "steps=1:window=2", 0 }, { "reinit", "=", 0 }, { "strength", "auto", 1 },
        { "source", "throw IOException x", 0 }, { "cut", "0", 1 }, { "presets", "e", 0 }, { "from", NULL, 1 },
        { "reinit", "negative=x:source=throw OutOfMemoryError x", 0 },
    };
    const int n = sizeof(commands) / sizeof(*commands), k = (c->commands + i) % n;
    char command[256], value[256], answer[64];
    int ret;

    snprintf(command, sizeof(command), "%s", commands[k].command);
    snprintf(value,   sizeof(value),   "%s", commands[k].value ? commands[k].value : "");
    if (!c->whole && once_in(2))
        mutate(once_in(4) ? command : value, sizeof(value));
    ret = avfilter_graph_send_command(graph, "fatezero", command, commands[k].value ? value : NULL, answer, sizeof(answer), 0);
    if (c->whole && (ret < 0) == commands[k].right && !(fault && faults_calls() >= fault))
        wrong("command %s %s gives %d (%s)", command, value, ret, answer);
}

/* Sends a clip through the filter, of which the fault-th allocation fails. @return what FFmpeg returns, negative where it fails */
static int run(const clip *c, AVFrame *const *frames, int *received, long fault)
{
    AVFilterGraph *graph = avfilter_graph_alloc();
    AVFilterContext *source = NULL, *filter = NULL, *sinks[MAX_EDITS] = { 0 };
    AVFrame *out = av_frame_alloc();
    char description[128];
    int ret = AVERROR(ENOMEM), nb_sinks = 0;

    snprintf(description, sizeof(description), "video_size=%dx%d:pix_fmt=%d:time_base=1/25", c->width[0], c->height[0], c->format[0]);
    if (!graph || !out)
        goto end;
    graph->nb_threads = 1;
    if ((ret = avfilter_graph_create_filter(&source, avfilter_get_by_name("buffer"), "in", description, NULL, graph)) < 0)
        goto end;
    ret    = AVERROR(ENOMEM);
    filter = avfilter_graph_alloc_filter(graph, avfilter_get_by_name("fatezero"), "fatezero");
    if (!filter || (ret = avfilter_init_str(filter, c->options)) < 0 || (ret = avfilter_link(source, 0, filter, 0)) < 0)
        goto end;
    for (; nb_sinks < (int)filter->nb_outputs; nb_sinks++) {
        ret = AVERROR(EINVAL);
        if (nb_sinks == MAX_EDITS ||
            (ret = avfilter_graph_create_filter(&sinks[nb_sinks], avfilter_get_by_name("buffersink"), "out", NULL, NULL, graph)) < 0 ||
            (ret = avfilter_link(filter, nb_sinks, sinks[nb_sinks], 0)) < 0)
            goto end;
    }
    // only now is it the filter's turn, and FFmpeg's own graphs leak where memory runs out
    faults_arm(fault);
    if ((ret = avfilter_graph_config(graph, NULL)) < 0)
        goto end;
    for (int i = 0; i <= c->frames && ret >= 0; i++) {
        if (c->commands)
            send_command(c, graph, i, fault);
        if ((ret = av_buffersrc_add_frame_flags(source, i < c->frames ? frames[i] : NULL, AV_BUFFERSRC_FLAG_KEEP_REF)) >= 0)
            ret = receive(c, sinks, nb_sinks, out, frames, received);
    }
end:
    avfilter_graph_free(&graph);
    av_frame_free(&out);
    return ret;
}

/* @return whether there was the fault, of that number */
static int try_clip(const clip *c, AVFrame *const *frames, long fault)
{
    int received[MAX_EDITS] = { 0 }, ret, fired;
    long before = faults_held(), held;

    faults_arm(0);
    ret   = run(c, frames, received, fault);
    fired = fault && faults_calls() >= fault;
    faults_arm(0);
    held  = faults_held();
    if (held != before)
        wrong("%ld pieces of memory or Java objects are held after it (%s)", held - before, av_err2str(ret));
    if (c->whole && ret < 0 && !fired)
        wrong("fails: %s", av_err2str(ret));
    if (c->whole && ret < 0 && fired && ret != AVERROR(ENOMEM))
        wrong("the want of memory is told as: %s", av_err2str(ret));
    for (int i = 0; c->whole && ret >= 0 && i < c->edits; i++)
        if (received[i] != c->frames)
            wrong("%d of %d frames come out at output %d", received[i], c->frames, i);
    return fired;
}

static void make_frames(const clip *c, AVFrame **frames)
{
    for (int i = 0; i < c->frames; i++)
        frames[i] = make_frame(c, i);
}

static void free_frames(const clip *c, AVFrame **frames)
{
    for (int i = 0; i < c->frames; i++)
        av_frame_free(&frames[i]);
}

static enum AVPixelFormat any_format(void)
{
    static const enum AVPixelFormat usual[] = { AV_PIX_FMT_RGB24, AV_PIX_FMT_RGB48, AV_PIX_FMT_YUV420P, AV_PIX_FMT_GBRP, AV_PIX_FMT_RGBA };
    static const char *const names[] = { "rgb24", "rgb48le", "bgr24", "bgr48le", "rgba", "bgra", "argb", "abgr", "rgba64le", "bgra64le",
        "rgb0", "bgr0", "0rgb", "0bgr", "gbrp", "gbrp9le", "gbrp10le", "gbrp12le", "gbrp14le", "gbrp16le", "gbrap",
        "gbrap10le", "gbrap12le",
        "gbrap16le", "yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "yuvj420p", "yuvj422p", "yuvj444p", "yuvj440p",
        "yuvj411p", "yuv420p9le", "yuv422p10le", "yuv440p12le", "yuv444p14le", "yuv420p16le", "yuva420p", "yuva422p", "yuva444p",
        "yuva420p9le", "yuva422p10le", "yuva444p12le", "yuva444p16le", "nv12", "p010le", "p016le", NULL };

    return once_in(3) ? usual[number(sizeof(usual) / sizeof(*usual))] : av_get_pix_fmt(one_of(names));
}

/* One clip through one filter. */
static void try_filter(void)
{
    static const char *const further[] = { "model=none", "source='a b'", "seed=1", "on_error=pass", "on_error=2", "steps=0", "window=",
                                           "enable=2*", "keys=a|b", "prompt=throw IllegalStateException x", "prompt=\303\244\377",
                                           "=", ":", "[", "preset=x=y", "edit=1|2|3|4", NULL };
    clip c = { .whole = 1, .frames = number(MAX_FRAMES), .edits = 1 + (once_in(3) ? number(MAX_EDITS) : 0) };
    AVFrame *frames[MAX_FRAMES];
    int window = once_in(3) ? 1 + number(64) : 1 + number(5), show = once_in(3) ? 1 + number(2) : 0;

    for (int i = 0; i < 2; i++) {
        c.format[i] = any_format();
        c.width[i]  = 1 + number(MAX_SIDE);
        c.height[i] = 1 + number(MAX_SIDE);
    }
    c.change_at = once_in(4) ? number(MAX_FRAMES) : MAX_FRAMES;
    snprintf(c.options, sizeof(c.options), "window=%d:steps=%d:presets=%.*s", window, 1 + number(2), 2 * c.edits - 1, "a|b|c|d");
    for (int i = 0; i < c.edits; i++)
        c.panels[i] = show == 1 || (show == 2 && i) ? 2 : 1;
    if (show)
        strcat(c.options, show == 1 ? ":show=compare" : ":show=mixed");
    if (once_in(4)) {
        c.passed = number(c.frames + 1);
        sprintf(c.options + strlen(c.options), ":enable='gte(n,%d)'", c.passed);
    }
    c.commands = once_in(4) ? 1 + number(100) : 0;
    if (once_in(8)) {
        c.fails = 1;
        strcat(c.options, ":on_error=pass:prompt=throw IOException x");
    } else if (once_in(8)) {
        c.whole = 0;
        strcat(c.options, ":prompt=throw OutOfMemoryError x");
    }
    if (once_in(4)) {
        c.whole = 0;
        snprintf(c.options + strlen(c.options), sizeof(c.options) - strlen(c.options), ":%s", one_of(further));
        if (once_in(2))
            mutate(c.options, sizeof(c.options));
    }
    snprintf(now, sizeof(now), "filter %s, commands from %d, %d frames of %s %dx%d, from %d on %s %dx%d", c.options, c.commands,
             c.frames, av_get_pix_fmt_name(c.format[0]), c.width[0], c.height[0],
             c.change_at, av_get_pix_fmt_name(c.format[1]), c.width[1], c.height[1]);
    make_frames(&c, frames);
    try_clip(&c, frames, 0);
    free_frames(&c, frames);
}

static int fuzz(int cases, unsigned seed)
{
    printf("%d cases from seed %u: ", cases, seed);
    fflush(stdout);
    chance = 0x9e3779b97f4a7c15u ^ seed;
    for (int i = 0; i < cases; i++) {
        long before = faults_held();

        if (i % 2)
            try_filter();
        else
            try_bridge();
        if (faults_held() != before && i > 1)
            wrong("%ld pieces of memory or Java objects are held after it", faults_held() - before);
    }
    printf("%d wrong\n", wrongs);
    return wrongs > 0;
}

/* ---- faults ---- */

static int faults(void)
{
#define RGB { AV_PIX_FMT_RGB24, AV_PIX_FMT_RGB24 }
    static const clip clips[] = {
        { "window=3:steps=1", 1, 8, MAX_FRAMES, RGB, { 5, 5 }, { 4, 4 }, 1, { 1 }, .plain = 1 },
        { "window=1:steps=1", 1, 3, MAX_FRAMES, RGB, { 5, 5 }, { 4, 4 }, 1, { 1 }, .plain = 1 },
        { "window=2:steps=1:presets=a|b|c", 1, 5, MAX_FRAMES, { AV_PIX_FMT_YUVA420P }, { 6 }, { 4 }, 3, { 1, 1, 1 }, .plain = 1 },
        { "window=2:steps=1:presets=a|b:show=mixed", 1, 5, MAX_FRAMES, { AV_PIX_FMT_GBRAP16 }, { 8 }, { 4 }, 2, { 1, 2 }, .plain = 1 },
        { "window=4:steps=1:enable='gte(n,3)':show=compare", 1, 9, MAX_FRAMES, { AV_PIX_FMT_RGBA }, { 8 }, { 4 }, 1, { 2 }, 3, .plain = 1 },
        { "window=4:steps=1:on_error=pass:prompt=throw IOException x", 1, 6, MAX_FRAMES, RGB, { 5 }, { 4 }, 1, { 1 }, 0, 1, .plain = 1 },
        { "window=4:steps=1", 1, 9, 5, { AV_PIX_FMT_RGB24, AV_PIX_FMT_YUV420P }, { 6, 10 }, { 4, 8 }, 1, { 1 }, .plain = 1 },
        { "window=2:steps=1", 1, 9, MAX_FRAMES, RGB, { 5, 5 }, { 4, 4 }, 1, { 1 }, .plain = 1, .commands = 1 },
        { "window=2:steps=1", 1, 9, MAX_FRAMES, RGB, { 5, 5 }, { 4, 4 }, 1, { 1 }, .plain = 1, .commands = 10 },
        { "window=4:steps=1:prompt=throw IllegalStateException x", 0, 6, MAX_FRAMES, RGB, { 5 }, { 4 }, 1, { 1 }, .plain = 1 },
    };
    int nb_faults = 0;

    chance = 1;
    for (size_t i = 0; i < sizeof(clips) / sizeof(*clips); i++) {
        const clip *c = &clips[i];
        AVFrame *frames[MAX_FRAMES];

        make_frames(c, frames);
        snprintf(now, sizeof(now), "%s", c->options);
        run(c, frames, (int[MAX_EDITS]) { 0 }, 0);       // what is made once and kept
        for (long n = 1;; n++) {
            snprintf(now, sizeof(now), "%s, fault %ld", c->options, n);
            if (!try_clip(c, frames, n))
                break;
            nb_faults++;
            snprintf(now, sizeof(now), "%s, after fault %ld", c->options, n);
            try_clip(c, frames, 0);
        }
        free_frames(c, frames);
    }
    printf("%d faults in %zu clips: %d wrong\n", nb_faults, sizeof(clips) / sizeof(*clips), wrongs);
    return wrongs > 0;
}

/* ---- starts ---- */

#define NOT_REACHED 3
#define TOO_LONG    120             // seconds

/*
 * Opens an editor while the n-th allocation of the bridge fails, and another when none does: a process can start one Java only, and what
 * failed once must not keep it from that.
 */
static int start(long n)
{
    static const char *const watched[] = { "libfatezero.so", NULL };
    const char *const options[] = { "steps", "1", NULL };
    fatezero_error error = { 0 };
    fatezero *fz;
    int reached;

    snprintf(now, sizeof(now), "start of Java, fault %ld", n);
    alarm(TOO_LONG);
    faults_watch(watched);
    faults_arm(n);
    fz = fatezero_open(options, NULL, &error);
    reached = faults_calls() >= n;
    faults_arm(0);
    if (!fz && (!reached || !error.code || !error.message[0]))
        wrong("code %d, \"%s\"", error.code, error.message);
    fatezero_close(&fz);
    if (!(fz = fatezero_open(options, NULL, &error)))
        wrong("nothing can be opened after it: %s", error.message);
    fatezero_close(&fz);
    return wrongs ? 1 : reached ? 0 : NOT_REACHED;
}

static int starts(void)
{
    for (long n = 1;; n++) {
        char number[24];
        int status = -1;
        pid_t child;

        snprintf(now, sizeof(now), "start of Java, fault %ld", n);
        snprintf(number, sizeof(number), "%ld", n);
        if (!(child = fork())) {
            execl("/proc/self/exe", "torture", "start", number, NULL);
            _exit(127);
        }
        waitpid(child, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_REACHED) {
            printf("%ld faults while Java starts: %d wrong\n", n - 1, wrongs);
            return wrongs > 0;
        }
        if (!WIFEXITED(status) || WEXITSTATUS(status))
            wrong("ends with status %#x", status);
    }
}

static void quiet(void *avcl, int level, const char *format, va_list args)
{
    char line[512];

    (void)avcl;
    vsnprintf(line, sizeof(line), format, args);
    if (getenv("TORTURE_LOG") && level <= AV_LOG_WARNING)
        fputs(line, stderr);
}

int main(int argc, char **argv)
{
    static const char *const watched[] = { "libavfilter.so", "libavutil.so", "libswscale.so", "libfatezero.so", NULL };
    const char *what = argc > 1 ? argv[1] : "";
    const char *const options[] = { "steps", "1", NULL };
    fatezero_error error;
    fatezero *fz;

    av_log_set_callback(quiet);
    if (!strcmp(what, "start") && argc > 2)
        return start(atol(argv[2]));
    if (!strcmp(what, "starts"))
        return starts();
    fz = fatezero_open(options, NULL, &error);
    if (!fz) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    fatezero_close(&fz);
    faults_watch(watched);
    if (!faults_watch_java()) {
        fprintf(stderr, "cannot watch Java\n");
        return 1;
    }
    if (!strcmp(what, "fuzz") && argc > 2)
        return fuzz(atoi(argv[2]), argc > 3 ? atoi(argv[3]) : 1);
    if (!strcmp(what, "faults"))
        return faults();
    fprintf(stderr, "usage: torture fuzz CASES [SEED] | faults | starts\n");
    return 2;
}
